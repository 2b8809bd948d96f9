import { describe, expect, test } from "@jest/globals";
import { applyWaivers, parseWaivers } from "./contract-waivers.ts";

const day = "2026-03-31";

const valid = {
  rule: "METHOD_SCOPE_ADDED",
  element: "org.user.v1.UserService.GetUser",
  owner: "team-accounts",
  reason: "All callers were granted it.",
  expires: "2026-12-31",
};

const finding = { rule: valid.rule, element: valid.element, message: "", position: undefined };

/** A document with one waiver, some of whose keys are others. */
function yaml(changes: Readonly<Record<string, string | undefined>> = {}): string {
  const lines = Object.entries({ ...valid, ...changes }).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}: ${value}`],
  );
  return `waivers:\n  - ${lines.join("\n    ")}\n`;
}

test("waivers are read", () => {
  expect(parseWaivers(yaml(), day)).toEqual([valid]);
  expect(parseWaivers("# None.\nwaivers: []\n", day)).toEqual([]);
});

describe("refused, with its place:", () => {
  test.each([
    ["an empty file", "", "the document: "],
    ["no list", "waivers: 1", "waivers: must be a list"],
    ["another key in the document", `${yaml()}other: 1`, "other: is not a key"],
    ["another key", yaml({ issue: "1" }), "waivers[0].issue: is not a key"],
    ["no owner", yaml({ owner: undefined }), "waivers[0].owner: is missing"],
    ["a blank reason", yaml({ reason: '" "' }), "waivers[0].reason: must not be empty"],
    ["a rule in lower case", yaml({ rule: "scope" }), "waivers[0].rule: must be the rule"],
    [
      "an element with a blank",
      yaml({ element: "a b" }),
      "waivers[0].element: must be the element",
    ],
    [
      "another way to write a day",
      yaml({ expires: "31.12.2026" }),
      "waivers[0].expires: must be a day",
    ],
    [
      "a day that does not exist",
      yaml({ expires: "2026-02-29" }),
      "waivers[0].expires: must be a day",
    ],
    [
      "more than a year",
      yaml({ expires: "2027-04-01" }),
      "waivers[0].expires: must be within a year, by 2027-03-31",
    ],
    [
      "two of the same",
      `${yaml()}${yaml().replace("waivers:\n", "")}`,
      "waivers[1]: has the rule and element of waivers[0]",
    ],
    ["a key that is there twice", `${yaml()}waivers: []`, "Map keys must be unique at line 7"],
    ["what is no YAML", "waivers: [", "at line 1"],
    ["an unknown tag", yaml({ owner: "!who team" }), "Unresolved tag: !who"],
  ])("%s", (_, source, problem) => {
    const parse = (): unknown => parseWaivers(source, day);
    expect(parse).toThrow(problem);
    expect(parse).toThrow(/^contract-waivers\.yaml: /);
  });

  test("everything that is wrong, at once", () => {
    const source = yaml({ owner: undefined, expires: "soon" });
    expect(() => parseWaivers(source, day)).toThrow(
      /waivers\[0\]\.owner: .*\n.*waivers\[0\]\.expires: must be a day/,
    );
  });
});

describe("a waiver", () => {
  test("lets its rule's findings about its element pass", () => {
    expect(applyWaivers([finding], [valid], day)).toEqual({
      refused: [],
      waived: [[finding, valid]],
      unused: [],
      expired: [],
    });
  });

  test.each([
    ["another rule", { ...finding, rule: "METHOD_REASON_REMOVED" }],
    ["another element", { ...finding, element: `${valid.element}s` }],
    ["what is in its element", { ...finding, element: `${valid.element}.A` }],
    ["what its element is in", { ...finding, element: "org.user.v1.UserService" }],
  ])("does not cover %s", (_, other) => {
    const { refused, waived, unused } = applyWaivers([other], [valid], day);
    expect(refused).toEqual([other]);
    expect(waived).toEqual([]);
    expect(unused).toEqual([valid]);
  });

  test("counts on its last day, and no longer", () => {
    const last = { ...valid, expires: day };
    expect(applyWaivers([finding], [last], day)).toMatchObject({ refused: [], expired: [] });
    const before = { ...valid, expires: "2026-03-30" };
    expect(applyWaivers([finding], [before], day)).toMatchObject({
      refused: [finding],
      unused: [],
      expired: [before],
    });
  });

  test("that expired is told also where nothing needs it", () => {
    const before = { ...valid, expires: "2025-01-01" };
    expect(applyWaivers([], [before], day)).toMatchObject({ unused: [], expired: [before] });
  });
});
