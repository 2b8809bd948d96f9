import { AsyncLocalStorage } from "node:async_hooks";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import {
  type CurrentCall,
  type Database,
  type DatabaseOptions,
  openDatabase,
} from "../src/index.ts";
import { type PostgresServer, startPostgres } from "./postgres-server.ts";

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

const calls = new AsyncLocalStorage<CurrentCall>();
const reason = new Error("nobody waits for it");

/** A call that has some time, and ends when it is told to. */
function newCall(leftMs = Infinity) {
  const controller = new AbortController();
  const call: CurrentCall = { endsAt: Date.now() + leftMs, signal: controller.signal };
  return {
    endsAt: call.endsAt,
    during: <T>(work: () => T): T => calls.run(call, work),
    end: () => {
      controller.abort(reason);
    },
  };
}

interface OpenDatabase extends AsyncDisposable {
  readonly database: Database;
}

async function open(options: Partial<DatabaseOptions> = {}): Promise<OpenDatabase> {
  const database = await openDatabase({
    name: "test-service",
    config: { DATABASE_URL: url, DATA_DIR: "unused", EMBEDDED_DATABASE: false },
    migrations: {},
    maxConnections: 1,
    currentCall: () => calls.getStore(),
    ...options,
  });
  return { database, [Symbol.asyncDispose]: () => database.close() };
}

const sleep = { text: "select pg_sleep(600) as for_a_call" };
const sleeping =
  "select from pg_stat_activity where query = 'select pg_sleep(600) as for_a_call' and state = 'active'";

describe("a statement ends with the call it is for", () => {
  test("without being told of it", async () => {
    await using opened = await open();
    const call = newCall();
    const statement = call.during(() => opened.database.query(sleep));
    await server.untilRows(1, sleeping);
    call.end();
    await expect(statement).rejects.toBe(reason);
    await server.untilRows(0, sleeping);
  });

  test("in a transaction, which then keeps nothing", async () => {
    await using opened = await open();
    const { database } = opened;
    await database.query({ text: "create table notes (note text)" });
    const call = newCall();
    const work = call.during(() =>
      database.transaction(async (transaction) => {
        await transaction.query({ text: "insert into notes values ('given up')" });
        await transaction.query(sleep);
      }),
    );
    await server.untilRows(1, sleeping);
    call.end();
    await expect(work).rejects.toBe(reason);
    expect(await database.query({ text: "select * from notes" })).toEqual([]);
  });

  test.each(["its signal", "the transaction's signal", "the call"])(
    "or with a signal of its own, whichever is first, such as %s",
    async (first) => {
      await using opened = await open();
      const call = newCall();
      const own = new AbortController();
      const whole = new AbortController();
      const work = call.during(() =>
        opened.database.transaction(
          (transaction) => transaction.query(sleep, own.signal),
          whole.signal,
        ),
      );
      await server.untilRows(1, sleeping);
      if (first === "the call") call.end();
      else (first === "its signal" ? own : whole).abort(reason);
      await expect(work).rejects.toBe(reason);
      await server.untilRows(0, sleeping);
    },
  );

  test("however soon after it was sent", async () => {
    await using opened = await open({ maxConnections: 3 });
    const { database } = opened;
    const before = performance.now();
    for (let round = 0; round < 300; round += 1) {
      // With another deadline each time, so that the timeout is on its way as well.
      const call = newCall(round % 2 === 0 ? 60_000 : 600_000);
      const statement = call.during(() => database.query(sleep));
      for (let turn = 0; turn < round % 6; turn += 1) await nextTurn();
      call.end();
      const next = database.query({ text: "select count(*) from generate_series(1, 2000)" });
      await expect(statement).rejects.toBe(reason);
      expect(await next).toEqual([{ count: 2_000n }]);
    }
    // One that was not cancelled would have taken its minute.
    expect(performance.now() - before).toBeLessThan(60_000);
  }, 60_000);

  test("before it was sent, where the call has ended by then", async () => {
    await using opened = await open();
    const { database } = opened;
    await database.query({ text: "create table notes (note text)" });
    const insert = () => database.query({ text: "insert into notes values ('too late')" });
    const over = newCall();
    over.end();
    await expect(over.during(insert)).rejects.toBe(reason);
    const late = newCall(0);
    const timeout = { name: "TimeoutError", message: "the time of the call is up" };
    await expect(late.during(insert)).rejects.toMatchObject(timeout);
    await expect(late.during(() => database.transaction(insert))).rejects.toMatchObject(timeout);
    late.end();
    await expect(late.during(insert)).rejects.toBe(reason);
    expect(await database.query({ text: "select * from notes" })).toEqual([]);
  });
});

describe("statement_timeout", () => {
  /** What the server holds, in milliseconds, and on which connection. */
  const shown = {
    text: "select setting::integer as ms, pg_backend_pid() as pid from pg_settings where name = 'statement_timeout'",
  };
  interface Shown {
    readonly ms: number;
    readonly pid: number;
  }

  test("is what is left of the call, or up to twice of that where it was set before", async () => {
    await using opened = await open();
    const { database } = opened;
    const [first] = await database.query<Shown>(shown);
    for (const [leftMs, least, most] of [
      [20_000, 15_000, 20_000],
      [19_000, 15_000, 20_000],
      [11_000, 15_000, 20_000],
      [5_000, 1_000, 5_000],
      [600_000, 590_000, 600_000],
      [2 ** 40, 2 ** 31 - 1, 2 ** 31 - 1],
    ] as const) {
      const [row] = await newCall(leftMs).during(() => database.query<Shown>(shown));
      expect(row?.pid).toBe(first?.pid);
      expect(row?.ms).toBeGreaterThanOrEqual(least);
      expect(row?.ms).toBeLessThanOrEqual(most);
    }
    // Who is not in a call has all the time there is, on the same connection.
    expect(await database.query<Shown>(shown)).toEqual([{ ms: 0, pid: first?.pid }]);
    expect(await newCall().during(() => database.query<Shown>(shown))).toEqual([
      { ms: 0, pid: first?.pid },
    ]);
  });

  test("is that in a transaction, and gone with it", async () => {
    await using opened = await open();
    const { database } = opened;
    const during = async (end: () => Promise<void>): Promise<number | undefined> =>
      database.transaction(async (transaction) => {
        const [row] = await transaction.query<Shown>(shown);
        await end();
        return row?.ms;
      });
    const commit = () => Promise.resolve();
    const told = await newCall(20_000).during(() => during(commit));
    expect(told).toBeGreaterThan(15_000);
    expect(told).toBeLessThanOrEqual(20_000);
    expect(await database.query(shown)).toMatchObject([{ ms: 0 }]);
    const rollback = () => Promise.reject(reason);
    await expect(newCall(20_000).during(() => during(rollback))).rejects.toBe(reason);
    expect(await database.query(shown)).toMatchObject([{ ms: 0 }]);
    // A statement of a call leaves its own behind.
    await newCall(20_000).during(() => database.query(shown));
    expect(await during(commit)).toBe(0);
  });

  test("is never more than the server gives by itself", async () => {
    {
      await using session = await server.connect(url);
      await session.query(
        `alter database ${new URL(url).pathname.slice(1)} set statement_timeout = '7s'`,
      );
    }
    await using opened = await open();
    const { database } = opened;
    for (const [leftMs, least, most] of [
      [60_000, 7_000, 7_000],
      [2_000, 100, 2_000],
      [60_000, 7_000, 7_000],
      [Infinity, 7_000, 7_000],
    ] as const) {
      const [row] = await newCall(leftMs).during(() => database.query<Shown>(shown));
      expect(row?.ms).toBeGreaterThanOrEqual(least);
      expect(row?.ms).toBeLessThanOrEqual(most);
    }
    expect(await database.query(shown)).toMatchObject([{ ms: 7_000 }]);
  });

  test("ends a statement that nobody here cancels", async () => {
    await using opened = await open();
    const { database } = opened;
    const timeout = { name: "TimeoutError" };
    const call = newCall(300);
    await expect(call.during(() => database.query(sleep))).rejects.toMatchObject(timeout);
    expect(Date.now()).toBeGreaterThanOrEqual(call.endsAt);
    const work = newCall(300).during(() =>
      database.transaction((transaction) => transaction.query(sleep)),
    );
    await expect(work).rejects.toMatchObject(timeout);
    expect(await database.query({ text: "select 1 as one" })).toEqual([{ one: 1 }]);
  });
});

test("a commit that was sent is not given up with its call, and what it did is told", async () => {
  await using opened = await open();
  const { database } = opened;
  await database.query({ text: "create table notes (note text)" });
  await database.query({
    text: `create function wait() returns trigger language plpgsql
           as $$ begin perform pg_advisory_xact_lock(1); return null; end $$`,
  });
  await database.query({
    text: `create constraint trigger waits after insert on notes
           deferrable initially deferred for each row execute function wait()`,
  });
  await using session = await server.connect(url);
  await session.query("select pg_advisory_lock(1)");
  const call = newCall(1_500);
  const work = call.during(() =>
    database.transaction(async (transaction) => {
      await transaction.query({ text: "insert into notes values ('kept')" });
      return "done";
    }),
  );
  const committing =
    "select from pg_stat_activity where query = 'commit' and wait_event_type = 'Lock'";
  await server.untilRows(1, committing);
  call.end();
  // Nor does the server give it up when the time is over.
  await server.untilRows(1, `${committing} and query_start < clock_timestamp() - interval '2 s'`);
  await session.query("select pg_advisory_unlock(1)");
  expect(await work).toBe("done");
  expect(await database.query({ text: "select * from notes" })).toEqual([{ note: "kept" }]);
});

test("a connection that is opened in a call does not hold on to it", async () => {
  await using opened = await open();
  const { database } = opened;
  await database.query({ text: "select pg_terminate_backend(pg_backend_pid())" }).catch(() => 0);
  const seen = Promise.withResolvers<CurrentCall | undefined>();
  database.pool.once("connect", () => {
    seen.resolve(calls.getStore());
  });
  await newCall().during(() => database.query({ text: "select 1" }));
  expect(await seen.promise).toBeUndefined();
});

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
