import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { sql } from "kysely";
import {
  type CurrentCall,
  type Database,
  type DatabaseOptions,
  DatabaseUnavailableError,
  type Migrations,
  openDatabase,
} from "../src/index.ts";
import { type AnyDatabase, databaseKinds, startDatabase } from "./any-database.ts";

const migrations: Migrations = {
  "0001_numbers": {
    up: async (db) => {
      await sql`create table numbers (n bigint primary key)`.execute(db);
      await sql`create table parents (id integer primary key)`.execute(db);
      await sql`
        create table children (
          parent_id integer references parents (id) deferrable initially deferred
        )
      `.execute(db);
    },
  },
};

describe.each(databaseKinds)("a database, %s", (kind) => {
  let place: AnyDatabase;
  let database: Database;

  beforeAll(async () => {
    place = await startDatabase(kind);
    database = await open();
  });

  afterAll(async () => {
    await database.close();
    await place[Symbol.asyncDispose]();
  });

  function open(options: Partial<DatabaseOptions> = {}): Promise<Database> {
    return openDatabase({
      name: "numbers",
      migrations,
      config: place.config,
      maxConnections: 2,
      ...options,
    });
  }

  async function select<R extends Record<string, unknown>>(
    text: string,
    values: readonly unknown[] = [],
  ): Promise<R[]> {
    return database.query<R>({ text, values });
  }

  /** Opens the database anew, as a restart does. */
  async function reopen(options: Partial<DatabaseOptions> = {}): Promise<void> {
    await database.close();
    database = await open(options).catch(async (error: unknown) => {
      database = await open();
      throw error;
    });
  }

  describe("query", () => {
    test("answers bigint columns as bigint, to the last digit, and leaves the other types alone", async () => {
      const rows = await select(`
        select 9223372036854775807::bigint as max, (-9223372036854775808)::bigint as min,
               count(*) as counted, null::bigint as nothing, 7::integer as small,
               '2020-01-02T03:04:05Z'::timestamptz as at, '\\x00ff'::bytea as bytes
          from generate_series(1, 3)`);
      expect(rows).toEqual([
        {
          max: 9_223_372_036_854_775_807n,
          min: -9_223_372_036_854_775_808n,
          counted: 3n,
          nothing: null,
          small: 7,
          at: new Date("2020-01-02T03:04:05Z"),
          bytes: Buffer.from([0x00, 0xff]),
        },
      ]);
    });

    test("takes any text as a parameter, alone and in an array", async () => {
      const text = "Robert'); drop table numbers; -- 🦊 \\ \" $1 {}";
      expect(
        await select("select $1 as text, $2::text[] as texts", [text, [text, "NULL"]]),
      ).toEqual([{ text, texts: [text, "NULL"] }]);
    });

    test("runs a named statement again and again, with other parameters", async () => {
      const double = (n: number) =>
        database.query<{ twice: number }>({
          name: "twice",
          text: "select 2 * $1::integer as twice",
          values: [n],
        });
      const answers = await Promise.all([1, 2, 3, 4, 5, 6, 7].map(double));
      expect(answers.flat().map(({ twice }) => twice)).toEqual([2, 4, 6, 8, 10, 12, 14]);
    });

    test("throws what the server finds wrong, and goes on", async () => {
      await expect(select("select 1 / 0")).rejects.toMatchObject({ code: "22012" });
      await expect(select("selec")).rejects.toMatchObject({ code: "42601" });
      await expect(select("select $1::text", ["a\0b"])).rejects.toMatchObject({ code: "22021" });
      expect(await select("select 1 as one")).toEqual([{ one: 1 }]);
    });

    test("keeps a failure to its own statement", async () => {
      const statements = Array.from({ length: 20 }, (_, i) => select(`select 1 / ${i % 2} as one`));
      const outcomes = await Promise.allSettled(statements);
      expect(outcomes.map(({ status }) => status)).toEqual(
        Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? "rejected" : "fulfilled")),
      );
    });

    test("does not run what was given up before", async () => {
      const reason = new Error("nobody waits for it");
      const statement = { text: "insert into numbers values (-1)" };
      await expect(database.query(statement, AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(await select("select n from numbers where n = -1")).toEqual([]);
    });

    test("throws the reason when it is given up meanwhile", async () => {
      const controller = new AbortController();
      const reason = new Error("nobody waits for it");
      const statement = database.query({ text: "select pg_sleep(0.01)" }, controller.signal);
      controller.abort(reason);
      await expect(statement).rejects.toBe(reason);
      expect(await select("select 1 as one")).toEqual([{ one: 1 }]);
    });

    test("gives up after its time where all connections are taken, and works when they are back", async () => {
      await reopen({ maxConnections: 1, connectTimeoutMs: 1_000 });
      const giveBack = await takeConnection(database);
      const outcomes = await Promise.allSettled([
        select("select 1"),
        database.transaction(() => Promise.resolve()),
      ]);
      await giveBack();
      const late = new DatabaseUnavailableError(
        "the database cannot be reached: timeout exceeded when trying to connect",
      );
      const refused = { status: "rejected", reason: late };
      expect(outcomes).toEqual([refused, refused]);
      expect(await select("select 1 as one")).toEqual([{ one: 1 }]);
      await reopen();
    });

    test("gives up the wait for a connection with its call, and gives back the one that comes then", async () => {
      const controller = new AbortController();
      let call: CurrentCall | undefined;
      await reopen({ maxConnections: 1, currentCall: () => call });
      const giveBack = await takeConnection(database);
      call = { endsAt: Infinity, signal: controller.signal };
      const outcomes = Promise.allSettled([
        select("select 1"),
        database.transaction(() => Promise.resolve()),
      ]);
      const reason = new Error("nobody waits for it");
      controller.abort(reason);
      const givenUp = { status: "rejected", reason };
      expect(await outcomes).toEqual([givenUp, givenUp]);
      await giveBack();
      call = undefined;
      expect(await select("select 1 as one")).toEqual([{ one: 1 }]);
      await reopen();
    });
  });

  describe("transaction", () => {
    test("keeps everything, and answers with what the work returns", async () => {
      const answer = await database.transaction(async (transaction) => {
        await transaction.query({ text: "insert into numbers values (1)" });
        await transaction.query({ text: "insert into numbers values (2)" });
        return "done";
      });
      expect(answer).toBe("done");
      expect(await select("select n from numbers where n in (1, 2) order by n")).toEqual([
        { n: 1n },
        { n: 2n },
      ]);
    });

    test("keeps nothing where the work throws, whatever it throws, and as often as it does", async () => {
      for (let i = 0; i < 5; i += 1) {
        const reason = new Error("changed its mind");
        const work = database.transaction(async (transaction) => {
          await transaction.query({ text: "insert into numbers values (10)" });
          throw reason;
        });
        await expect(work).rejects.toBe(reason);
      }
      expect(await select("select n from numbers where n = 10")).toEqual([]);
    });

    test("keeps nothing where a statement fails", async () => {
      const work = database.transaction(async (transaction) => {
        await transaction.query({ text: "insert into numbers values (20)" });
        await transaction.query({ text: "insert into numbers values (20)" });
      });
      await expect(work).rejects.toMatchObject({ code: "23505" });
      expect(await select("select n from numbers where n = 20")).toEqual([]);
    });

    test("keeps nothing where the commit fails", async () => {
      const work = database.transaction((transaction) =>
        transaction.query({ text: "insert into children values (1)" }),
      );
      await expect(work).rejects.toMatchObject({ code: "23503" });
      expect(await select("select * from children")).toEqual([]);
    });

    test("does not pass for kept where the work hides that a statement failed", async () => {
      const work = database.transaction(async (transaction) => {
        await transaction.query({ text: "insert into numbers values (30)" });
        await transaction.query({ text: "select 1 / 0" }).catch(() => undefined);
      });
      await expect(work).rejects.toThrow("rolled back");
      expect(await select("select n from numbers where n = 30")).toEqual([]);
    });

    test("gives up with the reason of a statement's signal, and keeps nothing", async () => {
      const controller = new AbortController();
      const reason = new Error("nobody waits for it");
      const work = database.transaction(async (transaction) => {
        await transaction.query({ text: "insert into numbers values (40)" });
        controller.abort(reason);
        await transaction.query({ text: "select 1" }, controller.signal);
      });
      await expect(work).rejects.toBe(reason);
      expect(await select("select n from numbers where n = 40")).toEqual([]);
    });

    test.each([
      ["before it begins", 0],
      ["while a statement runs", 1],
      ["in the turn of a statement's answer", 2],
      ["after its last statement", 3],
    ])("gives up with the reason of its own signal, %s, and keeps nothing", async (_, moment) => {
      const controller = new AbortController();
      const reason = new Error("nobody waits for it");
      const abortAt = (now: number): void => {
        if (now === moment) controller.abort(reason);
      };
      abortAt(0);
      const work = database.transaction(async (transaction) => {
        const inserted = transaction.query({ text: "insert into numbers values (50)" });
        abortAt(1);
        if (moment === 2) setImmediate(() => controller.abort(reason));
        await inserted;
        abortAt(3);
      }, controller.signal);
      await expect(work).rejects.toBe(reason);
      expect(await select("select n from numbers where n = 50")).toEqual([]);
    });
  });

  describe("migrations", () => {
    test("run once: not again with the next start", async () => {
      await select("insert into numbers values (100)");
      await reopen();
      expect(await select("select n from numbers where n = 100")).toEqual([{ n: 100n }]);
    });

    test("run where they are new, after those that were there", async () => {
      const more: Migrations = {
        ...migrations,
        "0002_names": { up: (db) => db.schema.createTable("names").execute() },
      };
      await reopen({ migrations: more });
      expect(await select("select * from names")).toEqual([]);
      await select("drop table names");
      await select("delete from numbers_migrations where name = '0002_names'");
    });

    test("name the one that fails, and leave nothing of it and of those that ran with it", async () => {
      const failing: Migrations = {
        ...migrations,
        "0002_first": { up: (db) => db.schema.createTable("firsts").execute() },
        "0003_second": {
          up: async (db) => {
            await db.schema.createTable("seconds").execute();
            await sql`select 1 / 0`.execute(db);
          },
        },
      };
      await expect(reopen({ migrations: failing })).rejects.toThrow(
        "the database cannot be migrated: 0003_second: division by zero",
      );
      expect(
        await select("select tablename from pg_tables where tablename in ('firsts', 'seconds')"),
      ).toEqual([]);
    });
  });

  describe("close", () => {
    test("waits for what is running", async () => {
      const giveBack = await takeConnection(database);
      const closed = database.close();
      await giveBack();
      await closed;
      database = await open();
      expect(await select("select 1 as one")).toEqual([{ one: 1 }]);
    });

    test("refuses what comes after it", async () => {
      await database.close();
      await expect(select("select 1")).rejects.toBeInstanceOf(DatabaseUnavailableError);
      database = await open();
    });
  });
});

/** Takes one of the connections, for a transaction, until the returned function is called. */
async function takeConnection(database: Database): Promise<() => Promise<void>> {
  const begun = Promise.withResolvers<void>();
  const free = Promise.withResolvers<void>();
  const done = database.transaction(async (transaction) => {
    await transaction.query({ text: "select 1" });
    begun.resolve();
    await free.promise;
    await transaction.query({ text: "select 2" });
  });
  await begun.promise;
  return () => {
    free.resolve();
    return done;
  };
}
