import { AsyncResource } from "node:async_hooks";
import type pg from "pg";
import { DatabaseUnavailableError, messageOf } from "./database-unavailable-error.ts";
import { EmbeddedSession } from "./embedded-session.ts";
import { alsoLimitedBy, type CurrentCall, type Limits, limitsOf, throwIfOver } from "./limits.ts";
import { lost, send } from "./send.ts";
import { ServerSession } from "./server-session.ts";
import type { Session } from "./session.ts";

/** A statement with its parameters. A name makes the server prepare it once for each connection. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly unknown[];
}

/** Whatever runs statements: the database itself, or a transaction. */
export interface Queryable {
  /**
   * Runs one statement and returns its rows, `bigint` columns as bigint. Aborting the signal stops
   * it on the server as well, and throws the signal's reason. The end of the call that it is for
   * does the same, whether there is a signal or not.
   */
  query<R extends pg.QueryResultRow>(statement: Statement, signal?: AbortSignal): Promise<R[]>;
}

/** A database that is open. */
export interface Database extends Queryable {
  /**
   * The connections, for what needs them itself, such as migrations. Those to a server are pipelined, and
   * may still have the `statement_timeout` of a statement that a call ran on them.
   */
  readonly pool: pg.Pool;
  /**
   * Runs the work in one transaction: all of it, or nothing where the work throws, or the signal is
   * aborted, or the call ends, before the end. What was sent to be committed is not given up any more.
   */
  transaction<T>(work: (transaction: Queryable) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Waits a moment for the statements that are running, and closes. */
  close(): Promise<void>;
}

/** What a database is made of. */
export interface DatabaseParts {
  /** The connections that statements run on; with `pipeline`, where there is a `cancelPool`. */
  readonly pool: pg.Pool;
  /** The connections to the server that cancel them; without, the database is embedded. */
  readonly cancelPool?: pg.Pool | undefined;
  /** Tells which call the running code answers; by default it answers none. */
  readonly currentCall?: (() => CurrentCall | undefined) | undefined;
  /** Called once the connections are closed. */
  readonly release?: (() => Promise<void>) | undefined;
}

/** How long a statement that is running may delay the end, in milliseconds. */
const closeTimeoutMs = 1_000;

/** Makes a database over a pool of connections. */
export function createDatabase(parts: DatabaseParts): Database {
  const { pool, cancelPool, currentCall = () => undefined, release } = parts;
  const busy = new Set<pg.PoolClient>();
  for (const each of [pool, cancelPool]) {
    // Without listeners, a server that goes away takes this process with it: the pool listens to
    // clients that are idle only, and also those that are in use emit it.
    each?.on("error", () => undefined);
    each?.on("connect", (client) => {
      client.on("error", () => lost.add(client));
    });
    each?.on("acquire", (client) => busy.add(client));
    each?.on("release", (_, client) => busy.delete(client));
  }
  // A connection outlives the call that it is opened in, and would keep hold of all that belongs to it.
  const outside = new AsyncResource("Database");
  const sessions = new WeakMap<pg.PoolClient, Session>();
  const sessionOf = async (client: pg.PoolClient): Promise<Session> => {
    const session =
      cancelPool === undefined
        ? new EmbeddedSession(client)
        : await ServerSession.open(client, cancelPool);
    sessions.set(client, session);
    return session;
  };
  /** Does work on a connection that nobody else uses meanwhile. */
  const onConnection = async <T>(
    limits: Limits,
    work: (session: Session, client: pg.PoolClient) => Promise<T>,
  ): Promise<T> => {
    throwIfOver(limits);
    const client = await outside.runInAsyncScope(connect, undefined, pool, limits);
    try {
      return await work(sessions.get(client) ?? (await sessionOf(client)), client);
    } finally {
      client.release(lost.has(client));
    }
  };
  return {
    pool,
    query: (statement, signal) => {
      const limits = limitsOf(signal, currentCall());
      return onConnection(limits, (session) => session.run(configOf(statement), limits));
    },
    transaction: (work, signal) => {
      const limits = limitsOf(signal, currentCall());
      return onConnection(limits, async (session, client) => {
        const transaction = await session.begin(limits);
        try {
          const result = await work({
            query: (statement, own) =>
              transaction.run(configOf(statement), alsoLimitedBy(own, limits)),
          });
          throwIfOver(limits);
          // Neither cancelled nor timed: whoever gives up a commit does not know what it did.
          await commit(client);
          return result;
        } catch (error) {
          // Where not even this works, the server rolls back what the lost connection left.
          await send(client, { text: "rollback" }).catch(() => lost.add(client));
          throw error;
        }
      });
    },
    close: async () => {
      const timer = setTimeout(() => {
        // This cuts the connections on which statements still run. Nobody is left who waits for the answers.
        for (const client of busy) {
          lost.add(client);
          void client.end();
          client.connection.stream.destroy();
        }
      }, closeTimeoutMs);
      try {
        await pool.end();
        await cancelPool?.end();
      } finally {
        clearTimeout(timer);
      }
      await release?.();
    },
  };
}

function configOf({ name, text, values = [] }: Statement): pg.QueryConfig {
  return { text, values: [...values], ...(name === undefined ? {} : { name }) };
}

/** Takes a connection from a pool. Where the wait for it is given up, it goes back when it comes. */
function connect(pool: pg.Pool, { signal }: Limits): Promise<pg.PoolClient> {
  const { promise, resolve, reject } = Promise.withResolvers<pg.PoolClient>();
  const giveUp = (): void => {
    reject(signal?.reason);
  };
  signal?.addEventListener("abort", giveUp);
  pool.connect((cause, client) => {
    signal?.removeEventListener("abort", giveUp);
    if (client === undefined) {
      reject(
        new DatabaseUnavailableError(`the database cannot be reached: ${messageOf(cause)}`, {
          cause,
        }),
      );
    } else if (signal?.aborted === true) {
      client.release(lost.has(client));
    } else {
      resolve(client);
    }
  });
  return promise;
}

/** Where a statement failed and the work went on, the server takes `commit` for `rollback`. */
async function commit(client: pg.PoolClient): Promise<void> {
  const { command } = await send(client, { text: "commit" });
  if (command !== "COMMIT") {
    throw new Error("the transaction was rolled back: one of its statements had failed");
  }
}
