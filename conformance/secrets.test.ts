/**
 * Does anything that is run show what the contract has with `debug_redact`? Addresses are planted
 * wherever a field takes one, and everything that comes out anywhere is searched for them.
 */
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { CreateUserRequest, UserServiceDefinition } from "@org/contracts/user/v1";
import { type PostgresServer, startPostgres } from "@org/database/testing";
import { Code, createClient, RpcError } from "@org/kit/client";
import { openChannel } from "./support/open-channel.ts";
import { root, runTool } from "./support/run-tool.ts";
import { type ServiceProcess, startService } from "./support/service-process.ts";

/** What is planted; in this form it is nowhere else. */
const secret = "planted-7f3a9c1e";
const address = `${secret}@example.com`;

/** What is in the same messages and may be shown: it must be found, or the search is worth nothing. */
const name = "Visible Vera";

let postgres: PostgresServer;
let users: ServiceProcess;
let products: ServiceProcess;

beforeAll(async () => {
  postgres = await startPostgres();
  const url = await postgres.createDatabase();
  const env = { LOG_LEVEL: "trace", DATABASE_URL: url };
  [users, products] = await Promise.all([
    startService({ name: "user-service", dataDir: "memory://", env }),
    startService({ name: "product-service", dataDir: "memory://", env: { LOG_LEVEL: "trace" } }),
  ]);
  await using session = await postgres.connect(url);
  // What PostgreSQL refuses it quotes, with the whole row.
  await session.query("alter table users add constraint no_boom check (name <> 'Boom')");
}, 60_000);

afterAll(async () => {
  await Promise.all([users[Symbol.asyncDispose](), products[Symbol.asyncDispose]()]);
  await postgres[Symbol.asyncDispose]();
});

test("the command line shows no planted address, whatever it is asked to do", async () => {
  const csv = `name,email,age\n${name},${address},3\n${name},${secret} @@ nowhere,3\n`;
  const ndjson = `{"name":"${name}","email":"${address}"}\n{"name":7,"email":"${secret}"}\n`;
  const bytes = Buffer.from(
    CreateUserRequest.encode(CreateUserRequest.fromPartial({ name, email: address })).finish(),
  ).toString("base64");
  const request = (email: string): string => JSON.stringify({ name, email });
  const call = ["call", "org.user.v1.UserService/CreateUser"];
  const runs = [
    { args: ["user", "create", "--name", name, "--email", address] },
    { args: ["user", "create", "--name", name, "--email", address, "--json"] },
    { args: ["user", "create", "--name", name, "--email", `${secret} nowhere`] },
    { args: ["user", "create", "--name", "Boom", "--email", address] },
    { args: ["user", "import", "-", "--format", "csv"], stdin: csv },
    { args: ["user", "import", "-", "--format", "ndjson", "--json"], stdin: ndjson },
    { args: [...call, request(address)] },
    { args: [...call, request(`${secret} nowhere`)] },
    { args: [...call, `{"name":"${name}","email":["${secret}"]}`] },
    { args: [...call, `{"name":"${name}","email":{"${secret}":1}}`] },
    { args: [...call, `{"name":"${name}","email":${secret}}`] },
    { args: [...call, `{"name":"${name}","email":"${address}`] },
    { args: ["user", "import", "-", "--format", "ndjson"], stdin: `{"email":${secret}}\n` },
    { args: ["encode", "CreateUserRequest", `{"email":${secret}}`] },
    { args: ["decode", "CreateUserRequest", bytes] },
    { args: ["decode", "org.user.v1.CreateUserRequest", bytes, "--json"] },
    { args: ["user", "list", "--all"] },
    { args: ["user", "list", "--all", "--json"] },
    { args: ["call", "UserService/ListUsers", "{}"] },
    { args: ["demo"] },
  ];
  let shown = "";
  // One after the other: the lists come after what they list.
  for (const { args, stdin } of runs) {
    const { stdout, stderr } = await client(args, stdin);
    shown += `${stdout}${stderr}`;
  }
  expect(shown).toContain(name);
  expect(shown).toContain("[redacted]");
  expect(linesWith(shown)).toEqual([]);
}, 120_000);

test("no error of a client shows a planted address, nor what it is made of", async () => {
  using channel = openChannel(users.target);
  const calls = createClient(UserServiceDefinition, channel);
  const failing = [
    calls.createUser({ name, email: `${secret} nowhere` }),
    calls.createUser({ name: "", email: address }),
    calls.createUser({ name: "Boom", email: address }),
    calls.bulkCreateUsers([
      { name, email: address, requestId: "planted" },
      { name: `${name} 2`, email: address, requestId: "planted" },
    ]),
    calls.bulkCreateUsers([{ name, email: `${secret} nowhere` }]),
  ];
  const errors = await Promise.all(failing.map((each) => each.catch((error: unknown) => error)));
  expect(errors.map((error) => error instanceof RpcError && error.code)).toEqual([
    Code.INVALID_ARGUMENT,
    Code.INVALID_ARGUMENT,
    Code.INTERNAL,
    Code.ALREADY_EXISTS,
    Code.INVALID_ARGUMENT,
  ]);
  const shown = inspect(errors, { depth: Infinity, maxStringLength: Infinity });
  expect(shown).toContain("must be an email address");
  expect(linesWith(shown)).toEqual([]);
});

test("the logs of both services, at their most talkative, show no planted address", () => {
  const logged = users.printed() + products.printed();
  // The failure above, for which PostgreSQL quoted the row.
  expect(logged).toContain("no_boom");
  expect(linesWith(logged)).toEqual([]);
});

function client(
  args: readonly string[],
  stdin = "",
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const main = join(root, "packages/client/src/cli/main.ts");
  const targets = ["--products", products.target, "--users", users.target];
  return runTool(process.execPath, [main, ...targets, ...args], { input: stdin });
}

function linesWith(text: string): string[] {
  return text.split("\n").filter((line) => line.includes(secret));
}
