import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type Finished, jsonLines, runClient, type RunOptions } from "./run-client.ts";
import { type RunningService, startUserService } from "./services.ts";

let service: RunningService;

beforeAll(async () => {
  service = await startUserService();
});

afterAll(() => service.close());

function user(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return runClient(["user", ...args], { ...options, env: { USERS_TARGET: service.target } });
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

test("list goes through the pages by their tokens, or through all at once", async () => {
  // The first test: no other user is there yet.
  const names = ["u1", "u2", "u3", "u4", "u5"];
  const csv = ["name,email", ...names.map((name) => `${name},${name}@example.com`)].join("\n");
  const imported = await user(["import", "-", "--format", "csv"], { stdin: csv });
  expect(imported).toEqual({ code: 0, stdout: "CREATED  5\n", stderr: "" });

  const first = await user(["list", "--page-size", "2", "--json"]);
  expect(jsonLines(first.stdout)).toMatchObject([{ name: "u1" }, { name: "u2" }]);
  expect(jsonLines(first.stderr)).toEqual([{ nextPageToken: expect.stringMatching(/^[\w-]+$/) }]);
  const token = first.stderr.replace(/^.*:"|"\}\n$/g, "");
  const second = await user(["list", "--page-size", "2", "--page-token", token]);
  expect(second.stdout.split("\n").map((line) => line.split(/\s+/)[1])).toEqual([
    "NAME",
    "u3",
    "u4",
    undefined,
  ]);
  const next = /^More follow: --page-token (?<token>[\w-]+)\n$/.exec(second.stderr)?.groups?.[
    "token"
  ];
  const last = await user(["list", "--page-size", "2", "--page-token", next ?? ""]);
  expect(last.stdout).toMatch(/ u5 +\[redacted\]/);
  expect(last).toMatchObject({ code: 0, stderr: "" });

  const [all, newest] = await Promise.all([
    user(["list", "--all", "--page-size", "2", "--json"]),
    user(["list", "--order", "newest", "--all", "--json"]),
  ]);
  expect(jsonLines(all.stdout)).toMatchObject(names.map((name) => ({ name })));
  expect(all.stderr).toBe("");
  expect(jsonLines(newest.stdout)).toMatchObject(names.toReversed().map((name) => ({ name })));
});

test("create shows the new user, and get finds it", async () => {
  const created = await user([
    ...["create", "--name", "Alice", "--email", "alice@example.com", "--age", "30", "--json"],
  ]);
  expect({ code: created.code, stderr: created.stderr }).toEqual({ code: 0, stderr: "" });
  const alice = {
    id: expect.stringMatching(uuid),
    name: "Alice",
    email: "[redacted]",
    age: 30,
    createdAt: expect.stringMatching(/^\d{10}$/),
  };
  expect(jsonLines(created.stdout)).toEqual([alice]);

  const id = /"id":"(?<id>[^"]+)"/.exec(created.stdout)?.groups?.["id"] ?? "";
  const [json, text] = await Promise.all([user(["get", id, "--json"]), user(["get", id])]);
  expect(json.stdout).toBe(created.stdout);
  expect(text.stdout).toMatch(
    new RegExp(
      [
        `^ID       ${id}`,
        "NAME     Alice",
        "EMAIL    \\[redacted\\]",
        "AGE      30",
        "CREATED  \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ\n$",
      ].join("\n"),
    ),
  );
});

test("create with a request id can be repeated", async () => {
  const args = ["create", "--name", "R", "--email", "r@x", "--request-id", "r-1", "--json"];
  const [first, again] = [await user(args), await user(args)];
  expect(again.stdout).toBe(first.stdout);
  const other = await user(["create", "--name", "S", "--email", "r@x", "--request-id", "r-1"]);
  expect(other).toMatchObject({ code: 1, stdout: "" });
  expect(other.stderr).toMatch(/^ALREADY_EXISTS: .*\n {2}reason: REQUEST_ID_REUSED\n$/);
});

test("what the service finds wrong is told field by field", async () => {
  const [text, json] = await Promise.all([
    user(["create", "--name", "", "--email", "nowhere"]),
    user(["create", "--name", "", "--email", "nowhere", "--json"]),
  ]);
  expect({ code: text.code, stdout: text.stdout }).toEqual({ code: 1, stdout: "" });
  expect(text.stderr.split("\n").slice(1)).toEqual([
    "  name   must not be empty",
    "  email  must be an email address, such as alice@example.com",
    "",
  ]);
  expect(text.stderr).toMatch(/^INVALID_ARGUMENT: /);
  expect(jsonLines(json.stderr)).toMatchObject([
    {
      code: "INVALID_ARGUMENT",
      violations: [
        { field: "name", description: "must not be empty" },
        { field: "email", description: "must be an email address, such as alice@example.com" },
      ],
    },
  ]);
});

test("an import creates nobody where the service rejects a row, which is named by its line", async () => {
  const before = await user(["list", "--all", "--json"]);
  const stdin = 'name,email,age\nA,a@x,3\n\n"B\nb",nowhere,\nC,c@x,200\n';
  const [text, json] = await Promise.all([
    user(["import", "-", "--format", "csv"], { stdin }),
    user(["import", "-", "--format", "csv", "--json"], { stdin }),
  ]);
  expect(text).toEqual({
    code: 1,
    stdout: "",
    stderr: [
      "stdin:4: email must be an email address, such as alice@example.com",
      "stdin:6: age must be 0 to 150",
      "No user was created. Correct these rows, and try again.",
      "",
    ].join("\n"),
  });
  expect(json).toMatchObject({ code: 1, stdout: "" });
  expect(jsonLines(json.stderr)).toEqual([
    {
      file: "stdin",
      line: 4,
      violations: [
        { field: "email", description: "must be an email address, such as alice@example.com" },
      ],
    },
    {
      file: "stdin",
      line: 6,
      violations: [{ field: "age", description: "must be 0 to 150" }],
    },
  ]);
  expect(await user(["list", "--all", "--json"])).toEqual(before);
});

test("an import creates nobody where a row cannot be read, and tells all such rows", async () => {
  const before = await user(["list", "--all", "--json"]);
  const stdin = [
    { name: "A", email: "a@x" },
    { name: "B", email: "b@x", age: 2.5 },
    { name: ["C"], email: "c@x" },
    { name: "D", email: "d@x", age: "x" },
  ].map((row) => JSON.stringify(row));
  const run = await user(["import", "-", "--format", "ndjson"], { stdin: stdin.join("\n") });
  expect(run).toEqual({
    code: 1,
    stdout: "",
    stderr: [
      "stdin:2: age must be a whole number, or empty if it is unknown",
      "stdin:3: name must be text",
      "stdin:4: age must be a whole number, or empty if it is unknown",
      "No user was created. Correct these rows, and try again.",
      "",
    ].join("\n"),
  });
  expect(await user(["list", "--all", "--json"])).toEqual(before);
});

test("an import whose rows have request ids can be repeated", async () => {
  const stdin = [
    '{"name":"N","email":"n@x","age":7,"requestId":"n-1"}',
    '{"name":"M","email":"m@x","request_id":"m-1"}',
  ].join("\n");
  const args = ["import", "-", "--format", "ndjson", "--json"];
  const first = await user(args, { stdin });
  expect(jsonLines(first.stdout)).toEqual([
    { createdCount: 2, userIds: [expect.stringMatching(uuid), expect.stringMatching(uuid)] },
  ]);
  expect((await user(args, { stdin })).stdout).toBe(first.stdout);
});

test("numbers, orders and required options are checked before anything is called", async () => {
  const cases = [
    [["list", "--page-size", "1.5"], "It must be a whole number from 1 to 2147483647"],
    [["list", "--page-size", "0"], "It must be a whole number from 1"],
    [["list", "--order", "best"], "Allowed choices are oldest, newest"],
    [["create", "--name", "A"], "required option '--email <email>' not specified"],
    [["create", "--name", "A", "--email", "a@x", "--age", "-1"], "whole number from 0"],
    [["create", "--name", "A", "--email", "a@x", "--age", "4294967296"], "whole number from 0"],
  ] as const;
  const runs = await Promise.all(cases.map(([args]) => user(args)));
  for (const [index, [, message]] of cases.entries()) {
    expect(runs[index]).toEqual({ code: 2, stdout: "", stderr: expect.stringContaining(message) });
  }
  // These are the service's to judge.
  const refused = await user(["list", "--page-size", "1001"]);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("page_size") });
});
