/** Do Python clients that were generated from the former contract still work, unchanged? */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { preparedDataDir } from "@org/database/testing";
import type { RunningServer } from "@org/kit";
import * as productService from "@org/product-service";
import * as userService from "@org/user-service";
import { pythonEnvironment } from "./support/python-environment.ts";
import { mustRunTool } from "./support/run-tool.ts";
import { type TemporaryFolder, temporaryFolder } from "./support/temporary-folder.ts";

const legacy = join(import.meta.dirname, "legacy");
const environment = {
  DATA_DIR: await preparedDataDir("product-service", "user-service"),
  GRPC_PORT: "0",
  LOG_LEVEL: "silent",
};

// The first time, this downloads the packages: no test's time.
const python = await pythonEnvironment();
const missing = "missing" in python ? `no Python to run the clients with: ${python.missing}` : "";
// A laptop may do without Python, and sees that these were skipped; what CI has to run may not.
const describeWithPython =
  missing !== "" && process.env["CI"] !== "true" ? describe.skip : describe;
if (missing !== "") console.warn(missing);

let stubs: TemporaryFolder;
let products: RunningServer;
let users: RunningServer;

describeWithPython("Python clients of the former contract", () => {
  beforeAll(async () => {
    if (!("python" in python)) throw new Error(missing);
    stubs = await temporaryFolder();
    const [product, user] = await Promise.all([
      productService.startApp(productService.readConfig(environment), { signals: false }),
      userService.startApp(userService.readConfig(environment), { signals: false }),
      mustRunTool(python.python, [
        ...["-m", "grpc_tools.protoc", `--proto_path=${legacy}`],
        ...[`--python_out=${stubs.path}`, `--grpc_python_out=${stubs.path}`],
        ...["product.proto", "user_service.proto"],
      ]),
    ]);
    products = product;
    users = user;
  });

  afterAll(async () => {
    if (missing !== "") return;
    await Promise.all([products.close(), users.close(), stubs[Symbol.asyncDispose]()]);
  });

  test("the product client finds, misses and streams products, twice", async () => {
    const expected = [
      { step: "found", name: "Laptop Pro X", price: 1500 },
      { step: "not found", code: "NOT_FOUND", details: 'no product has the id "p999"' },
      { step: "received", id: "p001", name: "Laptop Pro X" },
      { step: "received", id: "p002", name: "Wireless Mouse" },
      { step: "received", id: "p003", name: "Mechanical Keyboard" },
      { step: "finished" },
    ];
    expect(await run("product_client.py", products)).toEqual(expected);
    expect(await run("product_client.py", products)).toEqual(expected);
  });

  test("the user client creates, misses, lists and creates in bulk, twice", async () => {
    const before = Math.floor(Date.now() / 1000);
    const first = await run("user_client.py", users);
    const second = await run("user_client.py", users);
    const after = Math.ceil(Date.now() / 1000);

    for (const output of [first, second]) {
      const created = output.filter(({ step }) => step === "created");
      expect(created).toEqual([
        { step: "created", id: anId, name: "Alice", age: 30, created_at: expect.any(Number) },
      ]);
      expect(created[0]?.["created_at"]).toBeGreaterThanOrEqual(before);
      expect(created[0]?.["created_at"]).toBeLessThanOrEqual(after);
      expect(output[1]).toEqual({
        step: "error",
        code: "NOT_FOUND",
        details: 'no user has the id "nonexistent"',
      });
      expect(output.at(-1)).toEqual({ step: "bulk created", count: 2, ids: [anId, anId] });
    }

    const listed = second.filter(({ step }) => step === "listed");
    expect(second).toHaveLength(listed.length + 3);
    const alice = { name: "Alice", email: "alice@example.com" };
    expect(listed.slice(-4)).toEqual([
      { step: "listed", id: first[0]?.["id"], ...alice },
      { step: "listed", id: idsOf(first)[0], name: "Bob", email: "bob@example.com" },
      { step: "listed", id: idsOf(first)[1], name: "Carol", email: "carol@example.com" },
      { step: "listed", id: second[0]?.["id"], ...alice },
    ]);
  });

  test("the user client on asyncio creates and lists, twice", async () => {
    const first = await run("user_client_aio.py", users);
    const second = await run("user_client_aio.py", users);
    for (const output of [first, second]) {
      expect(output[0]).toEqual({ step: "created", id: anId, name: "Dave" });
      expect(output.at(-1)).toEqual({ ...output[0], step: "listed" });
    }
    // It lists what it listed before, and the new one.
    expect(second.slice(1, -1)).toEqual(first.slice(1));
  });
});

const anId: unknown = expect.stringMatching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);

type Line = Readonly<Record<string, unknown>>;

/** Runs a client against a server; answers with the lines that it prints. */
async function run(client: string, { target }: RunningServer): Promise<Line[]> {
  if (!("python" in python)) throw new Error(missing);
  const output = await mustRunTool(python.python, [join(legacy, client), target], {
    // Where the stubs are; and nothing is written beside the client.
    env: { PYTHONPATH: stubs.path, PYTHONDONTWRITEBYTECODE: "1" },
  });
  return output.trimEnd().split("\n").map(parseLine);
}

function parseLine(text: string): Line {
  const line: unknown = JSON.parse(text);
  if (typeof line !== "object" || line === null) throw new Error(`not an object: ${text}`);
  return Object.fromEntries(Object.entries(line));
}

/** The ids of the users that were created in bulk. */
function idsOf(output: readonly Line[]): readonly unknown[] {
  const ids = output.at(-1)?.["ids"];
  return Array.isArray(ids) ? ids : [];
}
