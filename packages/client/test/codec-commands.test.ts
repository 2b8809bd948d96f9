import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { create, type DescMessage, ScalarType, toBinary } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { describe, expect, test } from "@jest/globals";
import { contractMessages } from "../src/cli/contract.ts";
import { Output } from "../src/cli/output.ts";
import { createProgram } from "../src/cli/program.ts";
import { Session } from "../src/cli/session.ts";
import { jsonLines, runClient } from "./run-client.ts";

/** Runs a command that calls no service in this process: a process for each message takes too long. */
async function run(args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const session = new Session({
    targets: { products: "127.0.0.1:1", users: "127.0.0.1:1" },
    timeoutMs: undefined,
    token: undefined,
    tls: undefined,
    output: new Output({ stdout, stderr, json: args.includes("--json") }),
    stdin: Readable.from([]),
    signal: new AbortController().signal,
    progressStream: undefined,
  });
  await createProgram("client", () => session).parseAsync(args, { from: "user" });
  stdout.end();
  stderr.end();
  return { stdout: (await text(stdout)).trimEnd(), stderr: await text(stderr) };
}

const messages = contractMessages();

/** A message with something in every field. */
function filled(desc: DescMessage): ReflectMessage {
  const message = reflect(desc, create(desc));
  // Their JSON forms have limits of their own.
  const wellKnown = desc.typeName.startsWith("google.protobuf.");
  for (const field of desc.fields) {
    switch (field.fieldKind) {
      case "scalar":
        message.set(field, scalarOf(field.scalar, wellKnown));
        break;
      case "enum":
        message.set(field, field.enum.values.at(-1)?.number ?? 0);
        break;
      case "message":
        message.set(field, filled(field.message));
        break;
      case "list": {
        const item = field.listKind === "message" ? filled(field.message) : "item";
        message.get(field).add(item);
        break;
      }
      case "map":
        message.get(field).set("key", "value");
        break;
    }
  }
  return message;
}

/** 64-bit integers beyond what a number holds, and text beyond ASCII. */
function scalarOf(scalar: ScalarType, small: boolean): unknown {
  switch (scalar) {
    case ScalarType.STRING:
      return "Käse \u{1f9c0}";
    case ScalarType.INT64:
      return small ? 1n : 9_007_199_254_740_993n;
    default:
      return 1;
  }
}

test("the contract has the messages that are tested", () => {
  expect(messages.map(({ typeName }) => typeName)).toEqual(
    expect.arrayContaining(["org.product.v1.Product", "org.user.v1.User", "google.type.Money"]),
  );
});

describe.each(messages.map((desc) => [desc.typeName, desc] as const))("%s", (typeName, desc) => {
  const bytes = Buffer.from(toBinary(desc, filled(desc).message));

  test.each(["base64", "hex"] as const)("survives the way through JSON and %s", async (form) => {
    const flag = form === "hex" ? ["--hex"] : [];
    const decoded = await run(["decode", typeName, bytes.toString(form), "--json", `--${form}`]);
    expect(decoded.stderr).toBe("");
    const encoded = await run(["encode", typeName, decoded.stdout, ...flag]);
    // What is not shown is not there to be encoded again.
    const isWhole = desc.fields.every((field) => field.proto.options?.debugRedact !== true);
    expect(!decoded.stdout.includes("[redacted]")).toBe(isWhole);
    expect(encoded.stderr).toBe("");
    expect(encoded.stdout === bytes.toString(form)).toBe(isWhole);
  });
});

test("bytes are known by their looks", async () => {
  const json = '{\n  "id": "p001"\n}';
  for (const bytes of ["CgRwMDAx", "0a0470303031", "0A04 7030 3031", "CgRwMDAx\n"]) {
    expect(await run(["decode", "Product", bytes])).toEqual({ stdout: json, stderr: "" });
  }
  const both = ["decode", "ListUsersRequest", "CAEa68d4", "--json"];
  await expect(run(both)).rejects.toThrow("premature EOF");
  expect((await run([...both, "--base64"])).stdout).toBe('{"pageSize":1,"order":1975275}');
  expect(await run(["decode", "Product", ""])).toEqual({ stdout: "{}", stderr: "" });
  // base64url, and without its padding.
  const url = Buffer.from("0a06f3bfbfbf3e3f", "hex").toString("base64url");
  expect(url).toMatch(/[-_]/);
  expect((await run(["decode", "GetUserRequest", url, "--json"])).stdout).toBe(
    JSON.stringify({ userId: "\u{fffff}>?" }),
  );
});

test("fields that the contract has not are told", async () => {
  // Product { id: "p", 22: "x", unit_price { 9: 1 } }
  const run1 = await run(["decode", "Product", "0a0170b2010178320248 01", "--json"]);
  expect(run1.stdout).toBe('{"id":"p","unitPrice":{}}');
  expect(jsonLines(run1.stderr)).toEqual([
    { warning: "the contract has no field 22: left out" },
    { warning: "the contract has no field 9 in unit_price: left out" },
  ]);
  // ImportProductsResponse { violations { 7: 1 } }
  const run2 = await run(["decode", "ImportProductsResponse", "1a023801"]);
  expect(run2.stderr).toBe("the contract has no field 7 in violations[0]: left out\n");
});

test("what cannot be read is a wrong usage", async () => {
  const cases = [
    [["decode", "Nope", ""], /no message "Nope": it has .*org\.product\.v1\.Product,/],
    [
      ["decode", "Violation", ""],
      /"Violation" can be any of google\.rpc\.QuotaFailure\.Violation, /,
    ],
    [["decode", "__proto__", ""], /no message "__proto__"/],
    [["decode", "Product", "zz!"], /neither hex nor base64/],
    [["decode", "Product", "abcde"], /neither hex nor base64/],
    [["decode", "Product", "CgRwMDAx", "--hex"], /not hex/],
    [["decode", "Product", "0a04"], /the bytes are no org\.product\.v1\.Product: premature EOF/],
    [["decode", "Product", "00", "--hex", "--base64"], /cannot be used with/],
    [["decode", "Duration", "08ffffffffffffffff7f"], /Duration to JSON: value out of range/],
    [["encode", "Product", '{"foo":1}'], /no field "foo": it has id, name,/],
    [["encode", "ImportProductsResponse", '{"outcome":"NO"}'], /no value "NO": it has OUTCOME_/],
    [
      ["encode", "ImportProductsRequest", '{"upsert":{},"deleteProductId":""}'],
      /oneof set multiple/,
    ],
    [["encode", "Product", "{"], /the message is not JSON/],
    [["encode", "Product", '{"violations":'], /the message is not JSON/],
    [["encode", "ImportProductsResponse", '{"violations":{}}'], /violations must be a JSON array/],
  ] as const;
  for (const [args, message] of cases) await expect(run(args)).rejects.toThrow(message);
});

test("both work as commands of a pipe", async () => {
  const encoded = await runClient(["encode", "Product", "-"], { stdin: '{"id":"p001"}\n' });
  expect(encoded).toEqual({ code: 0, stdout: "CgRwMDAx\n", stderr: "" });
  const [decoded, json, wrong] = await Promise.all([
    runClient(["decode", "Product", "-"], { stdin: encoded.stdout }),
    runClient(["encode", "Product", '{"id":"p001"}', "--hex", "--json"]),
    runClient(["decode", "Product", "-"], { stdin: "zz!" }),
  ]);
  expect(decoded).toEqual({ code: 0, stdout: '{\n  "id": "p001"\n}\n', stderr: "" });
  expect(json).toEqual({ code: 0, stdout: '{"hex":"0a0470303031"}\n', stderr: "" });
  expect(wrong).toMatchObject({ code: 2, stdout: "" });
});
