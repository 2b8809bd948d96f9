import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Channel } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type CreateUserRequest, UserServiceDefinition } from "@org/contracts/user/v1";
import { freePort, type MainProcess, startMain } from "@org/database/testing";
import { type Client, Code, createChannel, createClient, type MessageInput } from "@org/kit/client";
import { gather, newUser } from "./contract/messages.ts";

let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "main-"));
});

afterAll(() => rm(dataDir, { recursive: true, force: true }));

function start(environment: Record<string, string> = {}): MainProcess {
  return startMain({
    main: new URL("../src/main.ts", import.meta.url),
    environment: { GRPC_PORT: "0", DATA_DIR: dataDir, ...environment },
  });
}

/** A client of the service in a process; resolves once that serves. */
async function connect(
  main: MainProcess,
): Promise<{ channel: Channel; users: Client<typeof UserServiceDefinition> }> {
  const channel = createChannel({
    target: `127.0.0.1:${await main.port}`,
    services: [UserServiceDefinition],
  });
  return { channel, users: createClient(UserServiceDefinition, { channel }) };
}

describe("a start that cannot be ends with 1, and says why in one sentence", () => {
  test("a wrong environment", async () => {
    await using main = start({ GRPC_PORT: "http", DATABASE_URL: "mysql://user:secret@host/name" });
    expect(await main.exit).toEqual({
      code: 1,
      signal: null,
      stderr: expect.stringMatching(
        /^the environment is wrong:\n(?: {2}(?:GRPC_PORT is "http"|DATABASE_URL is a value that is not shown): it must be .*\n){2}$/,
      ),
    });
  });

  test.each(["1", "3"])("a database server that nobody finds, WORKERS=%s", async (workers) => {
    const port = await freePort();
    await using main = start({
      DATABASE_URL: `postgresql://user:secret@127.0.0.1:${port}/name`,
      WORKERS: workers,
    });
    expect(await main.exit).toEqual({
      code: 1,
      signal: null,
      stderr: `the database cannot be reached: connect ECONNREFUSED 127.0.0.1:${port}\n`,
    });
  });

  test("the embedded database, with workers", async () => {
    await using main = start({ WORKERS: "2" });
    expect(await main.exit).toEqual({
      code: 1,
      signal: null,
      stderr:
        'the environment is wrong:\n  WORKERS is "2": it must be 1 where DATABASE_URL is not set: ' +
        "the embedded database belongs to one process\n",
    });
  });
});

test("SIGTERM lets a bulk come to its end, ends one that goes on, and frees the data folder for one", async () => {
  await using main = start();
  const { channel, users } = await connect(main);
  const halfway = Promise.withResolvers<void>();
  const stopping = Promise.withResolvers<void>();
  const never = Promise.withResolvers<MessageInput<CreateUserRequest>>();
  async function* ending() {
    yield newUser({ name: "of the one that ends" });
    halfway.resolve();
    await stopping.promise;
    yield newUser({ name: "of the one that ends" });
  }
  async function* goingOn() {
    yield newUser({ name: "of the one that goes on" });
    yield await never.promise;
  }
  const ended = users.bulkCreateUsers(ending());
  const cut = Promise.allSettled([users.bulkCreateUsers(goingOn())]);
  await halfway.promise;
  const { id: userId } = await users.createUser(newUser());

  main.kill("SIGTERM");
  stopping.resolve();
  expect(await ended).toMatchObject({ createdCount: 2 });
  expect(await cut).toMatchObject([{ reason: { code: Code.UNAVAILABLE } }]);
  expect(await main.exit).toEqual({ code: 0, signal: null, stderr: "" });
  channel.close();

  await using restarted = start();
  const again = await connect(restarted);
  expect(await again.users.getUser({ userId })).toMatchObject({ name: "Alice" });
  const names = (await gather(again.users.listUsers({}))).map(({ name }) => name);
  expect(names.filter((name) => name.startsWith("of"))).toEqual([
    "of the one that ends",
    "of the one that ends",
  ]);
  again.channel.close();

  await using second = start();
  expect(await second.exit).toEqual({
    code: 1,
    signal: null,
    stderr:
      `the embedded database in ${join(dataDir, "user-service")} is in use by process ${restarted.pid}: ` +
      "stop that process, or set DATA_DIR to another folder, or DATABASE_URL to a server\n",
  });
});

test("a bulk that is cancelled leaves nothing, though its end arrives before its reset", async () => {
  await using main = start();
  const { channel, users } = await connect(main);
  const never = Promise.withResolvers<void>();
  for (let i = 0; i < 300; i += 1) {
    const controller = new AbortController();
    async function* requests() {
      yield newUser({ name: "of a cancelled bulk" });
      // By a call that comes back: by then the server has seen the row.
      await users.listUsers({ pageSize: 1 }).next();
      controller.abort();
      await never.promise;
    }
    await expect(
      users.bulkCreateUsers(requests(), { signal: controller.signal }),
    ).rejects.toMatchObject({ code: Code.CANCELLED });
  }
  main.kill("SIGTERM");
  expect(await main.exit).toMatchObject({ code: 0 });
  channel.close();

  await using restarted = start();
  const again = await connect(restarted);
  const names = (await gather(again.users.listUsers({ pageSize: 1_000 }))).map(({ name }) => name);
  expect(names.filter((name) => name === "of a cancelled bulk")).toEqual([]);
  again.channel.close();
});
