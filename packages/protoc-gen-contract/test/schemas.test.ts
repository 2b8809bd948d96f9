/** Do the generated schemas lead to what is wrong, and do they hold whatever they are given? */
import { describe, expect, test } from "@jest/globals";
import { z } from "zod";
import {
  checkTorture,
  Choices,
  Lists,
  Maps,
  Numbers,
  Torture,
  WellKnown,
} from "./gen/index.org.torture.v1.ts";
import {
  ChoicesSchema,
  EnumsSchema,
  ListsSchema,
  MapsSchema,
  NumbersSchema,
  Torture_NestedSchema,
  TortureSchema,
  WellKnownSchema,
} from "./gen/index.org.torture.v1.schemas.ts";

/** The properties that are wrong, with what the issues have in `params`. */
function issuesOf(schema: z.ZodType, value: unknown): unknown[] {
  const { issues } = schema.safeParse(value).error ?? { issues: [] };
  return issues.map((issue): unknown[] => {
    const params: Readonly<Record<string, unknown>> | undefined =
      issue.code === "custom" ? issue.params : undefined;
    return [issue.path, params?.["field"], params?.["rule"]];
  });
}

const nested = {
  snakeCaseName: "a",
  deeper: { class: 0, HTTPName: "", line2Text: "" },
};
const maps: Maps = { ...Maps.create(), texts: { a: "" }, required: { a: NaN } };
const choices: Choices = {
  ...Choices.create(),
  either: "ab",
  choice: { $case: "blob", value: Buffer.from("a") },
};
const lists: Lists = { ...Lists.create(), sizes: [""], required: [0] };
const torture: Torture = { ...Torture.create(), secret: "x" };
/** A torture needs `strings`, which are too much for here. */
const noStrings = [["strings"], "strings", "required"];

describe("an issue has the path of its property, and in `params` the field and the rule", () => {
  const oddKey = 'a"b\\c\nd]. ["e\u2028';

  test.each([
    {
      title: "fields, as ts-proto names them",
      schema: Torture_NestedSchema,
      value: { snakeCaseName: "", deeper: { class: -1, HTTPName: "ab", line2Text: "ab" } },
      issues: [
        [["snakeCaseName"], "snake_case_name", "string.min_len"],
        [["deeper", "class"], "deeper.class", "int32.gte"],
        [["deeper", "HTTPName"], "deeper.HTTPName", "string.max_len"],
        [["deeper", "line2Text"], "deeper.line_2_text", "string.max_len"],
      ],
    },
    {
      title: "items of lists",
      schema: ListsSchema,
      value: { ...lists, texts: ["a", ""], blobs: [Buffer.alloc(3)], wrapped: ["ab", "a"] },
      issues: [
        [["texts", 1], "texts[1]", "string.min_len"],
        [["blobs", 0], "blobs[0]", "bytes.max_len"],
        [["wrapped", 1], "wrapped[1]", "string.min_len"],
      ],
    },
    {
      title: "lists and maps as a whole",
      schema: z.tuple([ListsSchema, MapsSchema]),
      value: [
        { ...lists, texts: ["a", "a"] },
        { ...maps, texts: {} },
      ],
      issues: [
        [[0, "texts"], "texts", "repeated.unique"],
        [[1, "texts"], "texts", "map.min_pairs"],
      ],
    },
    {
      title: "keys of maps that are texts",
      schema: MapsSchema,
      value: { ...maps, texts: { [oddKey]: "long", "": "", 7: "long" } },
      issues: [
        [["texts", "7"], 'texts["7"]', "string.max_len"],
        [["texts", oddKey], 'texts["a\\"b\\\\c\\nd]. [\\"e\u2028"]', "string.max_len"],
        [["texts", ""], 'texts[""]', "string.min_len"],
      ],
    },
    {
      title: "keys of maps that are numbers",
      schema: MapsSchema,
      value: {
        ...maps,
        numbers: { 4: 5n, [-3]: 0n },
        colors: new Map([[2n ** 64n - 1n, 9]]),
        flags: new Map([[false, Buffer.from("a")]]),
      },
      issues: [
        [["numbers", 4], "numbers[4]", "int64.lt"],
        [["numbers", "-3"], "numbers[-3]", "int32.gt"],
        [["colors", "18446744073709551615"], "colors[18446744073709551615]", "enum.defined_only"],
        [["flags", "false"], "flags[false]", "bool.const"],
      ],
    },
    {
      title: "members of oneofs",
      schema: ChoicesSchema,
      value: {
        ...choices,
        unruled: { $case: "left", value: 0n },
        choice: { $case: "choiceMessage", value: { ...choices, either: "a" } },
      },
      issues: [
        [["choice", "value", "either"], "choice_message.either", "string.min_len"],
        [["choice", "value"], "blob", "required"],
        [["unruled", "value"], "left", "int64.gt"],
      ],
    },
    {
      title: "oneofs, and choices of fields",
      schema: z.object({ inner: ChoicesSchema }),
      value: { inner: { ...choices, either: "", choice: undefined, alone: 1, unset: 2 } },
      issues: [
        [["inner", "choice", "value"], "blob", "required"],
        [["inner"], "", "message.oneof"],
        [["inner"], "", "message.oneof"],
        [["inner", "choice"], "choice", "required"],
      ],
    },
    {
      title: "messages in messages",
      schema: TortureSchema,
      value: {
        ...torture,
        byName: {
          "a.b": {
            ...torture,
            children: [{ ...torture, nested: { ...nested, snakeCaseName: "" } }],
          },
        },
      },
      issues: [
        noStrings,
        [["byName", "a.b", "strings"], 'by_name["a.b"].strings', "required"],
        [
          ["byName", "a.b", "children", 0, "strings"],
          'by_name["a.b"].children[0].strings',
          "required",
        ],
        [
          ["byName", "a.b", "children", 0, "nested", "snakeCaseName"],
          'by_name["a.b"].children[0].nested.snake_case_name',
          "string.min_len",
        ],
      ],
    },
    {
      title: "in a schema of one's own",
      schema: z.object({ wanted: z.array(Torture_NestedSchema.nullable()).min(1) }),
      value: { wanted: [null, nested, { ...nested, snakeCaseName: "" }] },
      issues: [[["wanted", 2, "snakeCaseName"], "snake_case_name", "string.min_len"]],
    },
  ])("$title", ({ schema, value, issues }) => {
    expect(issuesOf(schema, value)).toEqual(issues);
  });
});

const enums = { defined: 1, const: 2, in: 0, notIn: 1, many: [] };

describe("a shape is refused", () => {
  /** A message whose shape is right but for one property. */
  const numbers = (wrong: object): object => ({ ...Numbers.create(), ...wrong });
  const max64 = 2n ** 63n;

  test.each([
    { what: "nothing", schema: NumbersSchema, value: undefined, path: [] },
    { what: "null", schema: NumbersSchema, value: null, path: [] },
    { what: "a text for int32", value: numbers({ int32Gt: "1" }), path: ["int32Gt"] },
    { what: "a fraction for int32", value: numbers({ int32Gt: 1.5 }), path: ["int32Gt"] },
    { what: "NaN for int32", value: numbers({ int32Gt: NaN }), path: ["int32Gt"] },
    { what: "too much for int32", value: numbers({ int32Gt: 2 ** 31 }), path: ["int32Gt"] },
    { what: "too little for uint32", value: numbers({ uint32Lt: -1 }), path: ["uint32Lt"] },
    { what: "a number for int64", value: numbers({ int64Range: 1 }), path: ["int64Range"] },
    { what: "too much for int64", value: numbers({ int64Range: max64 }), path: ["int64Range"] },
    {
      what: "too little for int64",
      value: numbers({ int64Range: -max64 - 1n }),
      path: ["int64Range"],
    },
    { what: "too much for uint64", value: numbers({ uint64Gte: 2n * max64 }), path: ["uint64Gte"] },
    { what: "too little for uint64", value: numbers({ uint64Gte: -1n }), path: ["uint64Gte"] },
    { what: "a text for float", value: numbers({ floatConst: "1.5" }), path: ["floatConst"] },
    { what: "a number for bool", value: numbers({ boolConst: 1 }), path: ["boolConst"] },
    {
      what: "null for what is optional",
      value: numbers({ optionalGte: null }),
      path: ["optionalGte"],
    },
    {
      what: "a field left out",
      schema: Torture_NestedSchema,
      value: { deeper: undefined },
      path: ["snakeCaseName"],
    },
    {
      what: "a number for a message",
      schema: Torture_NestedSchema,
      value: { ...nested, deeper: 1 },
      path: ["deeper"],
    },
    {
      what: "what is wrong inside",
      schema: Torture_NestedSchema,
      value: { ...nested, deeper: { ...nested.deeper, class: "" } },
      path: ["deeper", "class"],
    },
    {
      what: "a text for a list",
      schema: ListsSchema,
      value: { ...lists, texts: "a" },
      path: ["texts"],
    },
    {
      what: "an undefined item",
      schema: ListsSchema,
      value: { ...lists, texts: ["a", undefined] },
      path: ["texts", 1],
    },
    {
      what: "other bytes than a Buffer",
      schema: ListsSchema,
      value: { ...lists, blobs: [new Uint8Array(1)] },
      path: ["blobs", 0],
    },
    {
      what: "an object for a Map",
      schema: MapsSchema,
      value: { ...maps, colors: {} },
      path: ["colors"],
    },
    {
      what: "a wrong entry",
      schema: MapsSchema,
      value: { ...maps, messages: { a: 1 } },
      path: ["messages", "a"],
    },
    {
      what: "a name for an enum",
      schema: EnumsSchema,
      value: { ...enums, const: "COLOR_GREEN" },
      path: ["const"],
    },
    {
      what: "too much for an enum",
      schema: EnumsSchema,
      value: { ...enums, const: 2 ** 31 },
      path: ["const"],
    },
    {
      what: "a case of another oneof",
      schema: ChoicesSchema,
      value: { ...choices, choice: { $case: "left", value: 1n } },
      path: ["choice", "$case"],
    },
    {
      what: "a member of another type",
      schema: ChoicesSchema,
      value: { ...choices, choice: { $case: "text", value: 1 } },
      path: ["choice", "value"],
    },
    {
      what: "a text for a duration",
      schema: WellKnownSchema,
      value: { ...WellKnown.create(), durationConst: "3s" },
      path: ["durationConst"],
    },
    {
      what: "a message for a wrapper",
      schema: WellKnownSchema,
      value: { ...WellKnown.create(), int64Value: { value: 3n } },
      path: ["int64Value"],
    },
  ])("$what", ({ schema = NumbersSchema, value, path }) => {
    const { issues } = schema.safeParse(value).error ?? { issues: [] };
    const shape = issues.filter((issue) => issue.code !== "custom" || issue.params === undefined);
    expect(shape.map((issue) => issue.path)).toEqual([path]);
    expect(shape[0]?.message).toMatch(/^(?:Invalid|Too (?:big|small))/);
  });
});

describe("a shape is accepted", () => {
  test.each([
    {
      what: "NaN and infinities",
      schema: ListsSchema,
      value: { ...lists, doubles: [NaN, Infinity, NaN] },
    },
    {
      what: "numbers that an enum does not have",
      schema: EnumsSchema,
      value: { ...enums, optionalNotZero: -99 },
    },
    {
      what: "undefined for what is optional",
      schema: EnumsSchema,
      value: { ...enums, optionalNotZero: undefined },
    },
    {
      what: "the largest numbers",
      schema: MapsSchema,
      value: { ...maps, finite: new Map([[2n ** 64n - 1n, 1]]) },
    },
    { what: "an empty oneof", schema: ChoicesSchema, value: { ...choices, unruled: undefined } },
  ])("$what", ({ schema, value }) => {
    expect(schema.parse(value)).toEqual(value);
  });

  test("a message may be left out, as any other field may not", () => {
    expect(Torture_NestedSchema.parse({ snakeCaseName: "a" })).toEqual({ snakeCaseName: "a" });
  });

  test("what the contract does not know is left out", () => {
    expect(Torture_NestedSchema.parse({ ...nested, admin: true })).toEqual(nested);
  });
});

describe("a message that is made to be too much", () => {
  /** A message in a message in a message. */
  function nest(depth: number, innermost: Torture): Torture {
    let message = innermost;
    for (let level = 0; level < depth; level++) message = { ...torture, children: [message] };
    return message;
  }

  test("paths lead through 500 levels", () => {
    const found = checkTorture(nest(500, torture));
    expect(found?.at(-1)).toMatchObject({ field: `${"children[0].".repeat(500)}strings` });
    const path = TortureSchema.safeParse(nest(500, torture)).error?.issues.at(-1)?.path;
    expect(path).toHaveLength(1001);
  });

  test("nested 5,000 deep, it is refused, or is too deep for the stack", () => {
    const message = nest(5000, torture);
    expect(outcome(() => checkTorture(message)?.length)).toMatch(/^(?:1000|RangeError)$/);
    expect(outcome(() => TortureSchema.safeParse(message).success)).toMatch(
      /^(?:false|RangeError)$/,
    );
  });

  test("without end, it is too deep for the stack", () => {
    const message: Torture = { ...torture, children: [] };
    message.children.push(message);
    expect(outcome(() => checkTorture(message)?.length)).toBe("RangeError");
  });

  test("of what is wrong in it, the first 1,000 are told", () => {
    const children = Array.from({ length: 100_000 }, () => torture);
    const found = checkTorture(nest(90, { ...torture, children }));
    expect(found).toHaveLength(1000);
    expect(found?.[0]).toMatchObject({ field: "strings" });
  });

  function outcome(run: () => unknown): string {
    try {
      return String(run());
    } catch (error) {
      return error instanceof RangeError ? error.name : String(error);
    }
  }
});
