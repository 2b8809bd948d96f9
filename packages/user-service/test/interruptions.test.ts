import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { ListUsersRequest_Order as Order } from "@org/contracts/user/v1";
import { type PostgresServer, type Session, startPostgres } from "@org/database/testing";
import { Code } from "@org/kit/client";
import { allNames, gather, newUser, page, pages, unique } from "./contract/messages.ts";
import { startService, type TestService } from "./start-service.ts";

let server: PostgresServer;
let url: string;

beforeAll(async () => {
  server = await startPostgres();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

beforeEach(async () => {
  url = await server.createDatabase();
});

function start(): Promise<TestService> {
  return startService({ DATABASE_URL: url, DATA_DIR: "unused", EMBEDDED_DATABASE: false });
}

const waiting =
  "select from pg_stat_activity where application_name = 'user-service' and wait_event_type = 'Lock'";

/** Makes everybody who asks for users wait, until the session ends. */
async function lockUsers(): Promise<Session> {
  const session = await server.connect(url);
  await session.query("begin");
  await session.query("lock table users");
  return session;
}

describe("who has gone does not keep the database busy", () => {
  test("a listing that was cancelled", async () => {
    await using service = await start();
    await using session = await lockUsers();
    const controller = new AbortController();
    const first = service.users.listUsers({}, { signal: controller.signal }).next();
    await server.untilRows(1, waiting);
    controller.abort();
    await expect(first).rejects.toMatchObject({ code: Code.CANCELLED });
    // The table is still locked: only the server's giving up ends the wait.
    await server.untilRows(0, waiting);
    await session.query("rollback");
    expect(await page(service, 1)).toEqual({ users: [], tokens: [] });
  });

  test.each([
    [
      "a user",
      (service: TestService, signal: AbortSignal) =>
        service.users.getUser({ userId: "01900000-0000-7000-8000-000000000000" }, { signal }),
    ],
    [
      "a creation",
      (service: TestService, signal: AbortSignal) =>
        service.users.createUser(newUser(), { signal }),
    ],
    [
      "a creation that can be repeated",
      (service: TestService, signal: AbortSignal) =>
        service.users.createUser(newUser({ requestId: unique("request") }), { signal }),
    ],
  ])("%s that was cancelled", async (_, ask) => {
    await using service = await start();
    await using session = await lockUsers();
    const controller = new AbortController();
    const call = ask(service, controller.signal);
    await server.untilRows(1, waiting);
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: Code.CANCELLED });
    await server.untilRows(0, waiting);
    await session.query("rollback");
    expect(await allNames(service)).toEqual([]);
  });

  test("a listing whose deadline passed", async () => {
    await using service = await start();
    await using session = await lockUsers();
    const first = service.users.listUsers({}, { timeoutMs: 1_000 }).next();
    await server.untilRows(1, waiting);
    await expect(first).rejects.toMatchObject({ code: Code.DEADLINE_EXCEEDED });
    await server.untilRows(0, waiting);
    await session.query("rollback");
  });

  test("a bulk that was cancelled while it was being written, of which nothing stays", async () => {
    await using service = await start();
    await using session = await lockUsers();
    const controller = new AbortController();
    const requests = [newUser(), newUser({ requestId: unique("request") })];
    const bulk = service.users.bulkCreateUsers(requests, { signal: controller.signal });
    await server.untilRows(1, waiting);
    controller.abort();
    await expect(bulk).rejects.toMatchObject({ code: Code.CANCELLED });
    await server.untilRows(0, waiting);
    await session.query("rollback");
    expect(await allNames(service)).toEqual([]);
    await service.users.bulkCreateUsers(requests);
    expect(await allNames(service)).toHaveLength(2);
  });
});

describe("while the database is away", () => {
  const unavailable = { code: Code.UNAVAILABLE, text: "the users cannot be reached" };

  test("calls fail with UNAVAILABLE, and work again once it is back", async () => {
    await using service = await start();
    const { users } = service;
    const user = await users.createUser(newUser());
    const request = newUser({ name: "Bob", requestId: unique("request") });

    await server.stop();
    for (let i = 0; i < 30; i += 1) {
      await expect(users.getUser({ userId: user.id })).rejects.toMatchObject(unavailable);
    }
    await expect(users.createUser(newUser())).rejects.toMatchObject(unavailable);
    await expect(users.createUser(request)).rejects.toMatchObject(unavailable);
    await expect(gather(users.listUsers({}))).rejects.toMatchObject(unavailable);
    await expect(users.bulkCreateUsers([newUser(), request])).rejects.toMatchObject(unavailable);
    await expect(users.createUser({})).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });

    await server.start();
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => users.getUser({ userId: user.id })),
    );
    expect(answers).toEqual(answers.map(() => user));
    await Promise.all(Array.from({ length: 5 }, () => users.createUser(request)));
    expect(await allNames(service)).toEqual(["Alice", "Bob"]);
  });

  test.each([
    ["with request ids", () => unique("request")],
    ["without", () => ""],
  ])(
    "a bulk whose connection is cut, %s, fails with it, and leaves nothing",
    async (_, requestId) => {
      await using service = await start();
      await using session = await lockUsers();
      const requests = Array.from({ length: 10 }, () => newUser({ requestId: requestId() }));
      const bulk = Promise.allSettled([service.users.bulkCreateUsers(requests)]);
      await server.untilRows(1, waiting);
      await session.query(waiting.replace("select", "select pg_terminate_backend(pid)"));
      expect(await bulk).toMatchObject([{ reason: unavailable }]);
      await session.query("rollback");
      expect(await allNames(service)).toEqual([]);
      const { userIds } = await service.users.bulkCreateUsers(requests);
      expect((await page(service, 100)).users.map(({ id }) => id)).toEqual(userIds);
    },
  );
});

describe("replicas on one database", () => {
  test("give each other's next page, also after a restart", async () => {
    const replicas = [await start(), await start()] as const;
    const [one, two] = replicas;
    await one.users.bulkCreateUsers(Array.from({ length: 7 }, (_, i) => newUser({ name: `${i}` })));
    const first = await page(one, 3, "", Order.ORDER_NEWEST_FIRST);
    const second = await page(two, 3, first.tokens[0], Order.ORDER_NEWEST_FIRST);
    for (const replica of replicas) await replica[Symbol.asyncDispose]();
    await using restarted = await start();
    const third = await page(restarted, 3, second.tokens[0], Order.ORDER_NEWEST_FIRST);
    expect(third.tokens).toEqual([]);
    expect([first, second, third].flatMap(({ users }) => users).map(({ name }) => name)).toEqual([
      "6",
      "5",
      "4",
      "3",
      "2",
      "1",
      "0",
    ]);
  });

  test("refuse a token from another database", async () => {
    await using here = await start();
    url = await server.createDatabase();
    await using elsewhere = await start();
    await elsewhere.users.bulkCreateUsers([newUser(), newUser()]);
    const { tokens } = await page(elsewhere, 1);
    await expect(page(here, 1, tokens[0])).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      violations: [{ field: "page_token" }],
    });
  });

  test("create one user for one request id, whoever gets it", async () => {
    const replicas = await Promise.all([start(), start()]);
    const request = newUser({ requestId: unique("request") });
    const created = await Promise.all(
      Array.from({ length: 20 }, (_, i) => {
        const { users } = replicas[i % 2] ?? replicas[0] ?? fail();
        return i % 5 === 0
          ? users.bulkCreateUsers([request]).then(({ userIds }) => userIds[0])
          : users.createUser(request).then(({ id }) => id);
      }),
    );
    expect(new Set(created).size).toBe(1);
    for (const replica of replicas) {
      expect(await pages(replica, 10)).toMatchObject([{ users: [{ id: created[0] }] }]);
      await replica[Symbol.asyncDispose]();
    }
  });
});

function fail(): never {
  throw new Error("never");
}

test("a bulk of more than 100,000 is refused, and leaves nothing", async () => {
  await using service = await start();
  function* rows() {
    for (let i = 0; i <= 100_000; i += 1) yield newUser();
  }
  await expect(
    service.users.bulkCreateUsers(rows(), { timeoutMs: Infinity }),
  ).rejects.toMatchObject({
    code: Code.OUT_OF_RANGE,
    text: "at most 100000 users can be created at once",
  });
  expect(await allNames(service)).toEqual([]);
}, 60_000);
