import { createServer, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { sql } from "kysely";
import {
  type Database,
  type DatabaseOptions,
  DatabaseUnavailableError,
  type Migrations,
  openDatabase,
} from "../src/index.ts";
import { freePort, type PostgresServer, startPostgres } from "./postgres-server.ts";

const maxConnections = 3;

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function open(url: string, options: Partial<DatabaseOptions> = {}): Promise<Database> {
  return openDatabase({
    name: "test-service",
    config: { DATABASE_URL: url, DATA_DIR: "unused", EMBEDDED_DATABASE: false },
    migrations: {},
    maxConnections,
    ...options,
  });
}

describe("migrations", () => {
  const migrations: Migrations = {
    "0001_create": {
      up: (db) =>
        db.schema
          .createTable("things")
          .addColumn("n", "bigint", (n) => n.primaryKey())
          .execute(),
    },
    "0002_fill": {
      up: async (db) => {
        await sql`insert into things select generate_series(1, 1000)`.execute(db);
      },
    },
  };

  test("run once when several replicas start at the same time on an empty database", async () => {
    for (let round = 0; round < 3; round += 1) {
      const url = await server.createDatabase();
      const replicas = await Promise.all(
        Array.from({ length: 4 }, () => open(url, { migrations })),
      );
      for (const replica of replicas) {
        expect(await replica.query({ text: "select count(*) from things" })).toEqual([
          { count: 1000n },
        ]);
      }
      await Promise.all(replicas.map((replica) => replica.close()));
    }
  });

  test("of services that share a database do not concern each other", async () => {
    const url = await server.createDatabase();
    const others: Migrations = {
      "0001_others": { up: (db) => db.schema.createTable("others").execute() },
    };
    for (let start = 0; start < 2; start += 1) {
      const databases = await Promise.all([
        open(url, { migrations }),
        open(url, { name: "other-service", migrations: others }),
      ]);
      for (const database of databases) {
        expect(await database.query({ text: "select * from others" })).toEqual([]);
        await database.close();
      }
    }
  });
});

describe("a signal", () => {
  let database: Database;

  beforeAll(async () => {
    database = await open(await server.createDatabase());
  });

  afterAll(() => database.close());

  const running = (mark: string): [string, string[]] => [
    "select from pg_stat_activity where state = 'active' and query like $1 and pid <> pg_backend_pid()",
    [`%${mark}%`],
  ];

  test("stops the statement on the server", async () => {
    const controllers = Array.from({ length: maxConnections }, () => new AbortController());
    const statements = controllers.map(({ signal }) =>
      database.query({ text: "select pg_sleep(600) as given_up" }, signal),
    );
    await server.untilRows(maxConnections, ...running("given_up"));

    const reason = new Error("nobody waits for it");
    for (const controller of controllers) controller.abort(reason);
    for (const statement of statements) await expect(statement).rejects.toBe(reason);
    await server.untilRows(0, ...running("given_up"));
  });

  test("stops it in a transaction, which then keeps nothing", async () => {
    await database.query({ text: "create table notes (note text)" });
    const controller = new AbortController();
    const reason = new Error("nobody waits for it");
    const work = database.transaction(async (transaction) => {
      await transaction.query({ text: "insert into notes values ('given up')" });
      await transaction.query({ text: "select pg_sleep(600) as also_given_up" }, controller.signal);
    });
    await server.untilRows(1, ...running("also_given_up"));
    controller.abort(reason);
    await expect(work).rejects.toBe(reason);
    expect(await database.query({ text: "select * from notes" })).toEqual([]);
  });

  test("never stops the statement that comes next, however late it is", async () => {
    const single = await open(await server.createDatabase(), { maxConnections: 1 });
    for (let round = 0; round < 200; round += 1) {
      const controller = new AbortController();
      const statement = single
        .query({ text: "select 1 as one" }, controller.signal)
        .catch((error: unknown) => error);
      for (let turn = 0; turn < round % 8; turn += 1) await nextTurn();
      controller.abort("given up");
      const next = single.query({ text: "select count(*) from generate_series(1, 20000)" });
      expect([[{ one: 1 }], "given up"]).toContainEqual(await statement);
      expect(await next).toEqual([{ count: 20_000n }]);
    }
    await single.close();
  });
});

describe("a server that goes away", () => {
  const work = { text: "select pg_sleep(600)" };
  let database: Database;

  beforeAll(async () => {
    database = await open(await server.createDatabase());
  });

  afterAll(() => database.close());

  /** More statements than there are connections: none of those may be lost. */
  async function expectToWork(): Promise<void> {
    const answers = Array.from({ length: 3 * maxConnections }, (_, i) =>
      database.query({ text: "select $1::integer as i", values: [i] }),
    );
    expect((await Promise.all(answers)).flat()).toHaveLength(3 * maxConnections);
  }

  const sleeping = "select from pg_stat_activity where query = $1 and state = 'active'";

  test("ends statements with DatabaseUnavailableError, and refuses them until it is back", async () => {
    const statements = Array.from({ length: maxConnections }, () => database.query(work));
    await server.untilRows(maxConnections, sleeping, [work.text]);
    const outcomes = Promise.allSettled(statements);
    await server.stop();
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ reason: expect.any(DatabaseUnavailableError) });
    }
    const refused = database.query({ text: "select 1" });
    await expect(refused).rejects.toBeInstanceOf(DatabaseUnavailableError);
    await expect(refused).rejects.toThrow(/^the database cannot be reached: .*ECONNREFUSED/);

    await server.start();
    await expectToWork();
  });

  test("ends a transaction that was between two statements", async () => {
    const stopped = Promise.withResolvers<void>();
    const transactions = Array.from({ length: 2 * maxConnections }, () =>
      database.transaction(async (transaction) => {
        await transaction.query({ text: "select 1" });
        await stopped.promise;
        await transaction.query({ text: "select 2" });
      }),
    );
    const outcomes = Promise.allSettled(transactions);
    await server.untilRows(
      maxConnections,
      "select from pg_stat_activity where state = 'idle in transaction'",
    );
    await server.stop();
    stopped.resolve();
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ reason: expect.any(DatabaseUnavailableError) });
    }
    await server.start();
    await expectToWork();
  });

  test("does not hide what else a transaction failed for", async () => {
    const reason = new Error("changed its mind");
    await expect(
      database.transaction(async (transaction) => {
        await transaction.query({ text: "select 1" });
        await server.stop();
        throw reason;
      }),
    ).rejects.toBe(reason);
    await server.start();
    await expectToWork();
  });

  test("and one connection that is cut: the others go on", async () => {
    const statement = database.query(work);
    await server.untilRows(1, sleeping, [work.text]);
    const outcome = Promise.allSettled([statement]);
    await using session = await server.connect();
    await session.query("select pg_terminate_backend(pid) from pg_stat_activity where query = $1", [
      work.text,
    ]);
    const [cut] = await outcome;
    expect(cut).toMatchObject({
      reason: new DatabaseUnavailableError(
        "the database is unavailable: terminating connection due to administrator command",
      ),
    });
    await expectToWork();
  });
});

test("close does not wait for ever for a statement that hangs", async () => {
  const url = await server.createDatabase();
  const database = await open(url);
  const hanging = Promise.allSettled([
    database.query({ text: "select pg_sleep(600) as hanging" }),
    database.transaction((transaction) =>
      transaction.query({ text: "select pg_sleep(600) as hanging" }),
    ),
  ]);
  const running =
    "select from pg_stat_activity where query = 'select pg_sleep(600) as hanging' and state = 'active'";
  await server.untilRows(2, running);
  await database.close();
  const reason = new DatabaseUnavailableError("the database is unavailable: Connection terminated");
  expect(await hanging).toMatchObject([{ reason }, { reason }]);
  await using session = await server.connect();
  await session.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", [
    new URL(url).pathname.slice(1),
  ]);
});

describe("what the server finds wrong", () => {
  let database: Database;

  beforeAll(async () => {
    database = await open(await server.createDatabase(), { maxConnections: 1 });
  });

  afterAll(() => database.close());

  const fails = (code: string): Promise<unknown> =>
    database.query({ text: `do $$ begin raise 'as asked' using errcode = '${code}'; end $$` });

  test.each(["08006", "25006", "40001", "40P01", "53100", "53200", "57P01", "57P03", "58030"])(
    "is DatabaseUnavailableError where it may pass, such as %s",
    async (code) => {
      const failed = fails(code);
      await expect(failed).rejects.toBeInstanceOf(DatabaseUnavailableError);
      await expect(failed).rejects.toThrow("the database is unavailable: as asked");
      expect(await database.query({ text: "select 1 as one" })).toEqual([{ one: 1 }]);
    },
  );

  test.each(["22012", "23505", "42P01", "57014", "P0001", "XX000"])(
    "is the error itself where it will not, such as %s",
    async (code) => {
      const failed = fails(code);
      await expect(failed).rejects.toMatchObject({ code });
      await expect(failed).rejects.not.toBeInstanceOf(DatabaseUnavailableError);
      expect(await database.query({ text: "select 1 as one" })).toEqual([{ one: 1 }]);
    },
  );

  test("is not what a connection stays with that has become read-only, as after a failover", async () => {
    const url = await server.createDatabase();
    const name = new URL(url).pathname.slice(1);
    const here = await open(url, { maxConnections: 1 });
    await here.query({ text: "create table notes (note text)" });
    await here.query({ text: "set default_transaction_read_only = on" });
    const write = { text: "insert into notes values ('written')" };
    await expect(here.query(write)).rejects.toBeInstanceOf(DatabaseUnavailableError);
    expect(await here.query(write)).toEqual([]);
    await server.untilRows(1, "select from pg_stat_activity where datname = $1", [name]);
    await here.close();
  });
});

describe("a server that cannot be used is named as such, without the password", () => {
  test("wrong password", async () => {
    const url = new URL(await server.createDatabase());
    url.password = "another-secret";
    const opened = open(url.href);
    await expect(opened).rejects.toBeInstanceOf(DatabaseUnavailableError);
    await expect(opened).rejects.toThrow(
      /^the database cannot be reached: password authentication failed for user "postgres"$/,
    );
  });

  test("no such database", async () => {
    const url = new URL(await server.createDatabase());
    url.pathname = "/elsewhere";
    await expect(open(url.href)).rejects.toThrow(
      /^the database cannot be reached: database "elsewhere" does not exist$/,
    );
  });

  test("nobody listens", async () => {
    const url = `postgresql://user:secret@localhost:${await freePort()}/name`;
    await expect(open(url)).rejects.toThrow(/^the database cannot be reached: .*ECONNREFUSED/);
  });

  test("somebody listens, and never answers", async () => {
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => sockets.add(socket));
    const port = await freePort();
    await new Promise<void>((resolve) => silent.listen(port, "127.0.0.1", resolve));
    await expect(
      open(`postgresql://user:secret@127.0.0.1:${port}/name`, { connectTimeoutMs: 100 }),
    ).rejects.toThrow(
      "the database cannot be reached: Connection terminated due to connection timeout",
    );
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });
});

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
