import { setImmediate } from "node:timers/promises";
import pg from "pg";

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
   * it on the server as well, and throws the signal's reason.
   */
  query<R extends pg.QueryResultRow>(statement: Statement, signal?: AbortSignal): Promise<R[]>;
}

/** A database that is open. */
export interface Database extends Queryable {
  /** The connections, for what needs them itself, such as migrations. */
  readonly pool: pg.Pool;
  /**
   * Runs the work in one transaction: all of it, or nothing where the work throws, or the signal is
   * aborted before the end.
   */
  transaction<T>(work: (transaction: Queryable) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Waits a moment for the statements that are running, and closes. */
  close(): Promise<void>;
}

/** The database could not be reached, or could not do now what it was asked to: to try again later may help. */
export class DatabaseUnavailableError extends Error {
  static {
    DatabaseUnavailableError.prototype.name = "DatabaseUnavailableError";
  }
}

/** What a database is made of. */
export interface DatabaseParts {
  /** The connections that statements run on. */
  readonly pool: pg.Pool;
  /** The connections that cancel them; without, a statement that was given up runs to its end. */
  readonly cancelPool?: pg.Pool;
  /** Called once the connections are closed. */
  readonly release?: () => Promise<void>;
}

/** How long a statement that is running may delay the end, in milliseconds. */
const closeTimeoutMs = 1_000;

/** Clients whose connection has ended. */
const lost = new WeakSet<pg.ClientBase>();

/** Makes a database over a pool of connections. */
export function createDatabase({ pool, cancelPool, release }: DatabaseParts): Database {
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
  return {
    pool,
    query: (statement, signal) =>
      withClient(pool, (client) => run(client, statement, signal, cancelPool), signal),
    transaction: (work, signal) =>
      withClient(
        pool,
        async (client) => {
          await send(client, { text: "begin" });
          try {
            const result = await work({
              query: (statement, own = signal) => run(client, statement, own, cancelPool),
            });
            signal?.throwIfAborted();
            await commit(client);
            return result;
          } catch (error) {
            // Where not even this works, the server rolls back what the lost connection left.
            await send(client, { text: "rollback" }).catch(() => lost.add(client));
            throw error;
          }
        },
        signal,
      ),
    close: async () => {
      const timer = setTimeout(() => {
        // With a statement running, this cuts the connection. Nobody is left who waits for the answer.
        for (const client of busy) {
          lost.add(client);
          void client.end();
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

async function withClient<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted();
  let client: pg.PoolClient;
  try {
    client = await pool.connect();
  } catch (cause) {
    throw new DatabaseUnavailableError(`the database cannot be reached: ${messageOf(cause)}`, {
      cause,
    });
  }
  try {
    return await work(client);
  } finally {
    client.release(lost.has(client));
  }
}

async function run<R extends pg.QueryResultRow>(
  client: pg.PoolClient,
  { name, text, values = [] }: Statement,
  signal: AbortSignal | undefined,
  cancelPool: pg.Pool | undefined,
): Promise<R[]> {
  const config = { text, values: [...values], ...(name === undefined ? {} : { name }) };
  if (signal === undefined || cancelPool === undefined) {
    signal?.throwIfAborted();
    const { rows } = await send<R>(client, config);
    if (signal !== undefined) {
      // It ran on this thread: who gave it up meanwhile is heard only now.
      await setImmediate();
      signal.throwIfAborted();
    }
    return rows;
  }
  const backend = await backendOf(client);
  signal.throwIfAborted();
  let cancelled: Promise<unknown> | undefined;
  const cancel = (): void => {
    cancelled = cancelPool
      .query("select pg_cancel_backend($1)", [backend])
      .catch(() => "then it runs to its end");
  };
  signal.addEventListener("abort", cancel, { once: true });
  try {
    return (await send<R>(client, config)).rows;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", cancel);
    // A request to cancel must not meet the next statement on this connection.
    await cancelled;
  }
}

const backends = new WeakMap<pg.PoolClient, number>();

/** The server's process behind a connection: asked for once. */
async function backendOf(client: pg.PoolClient): Promise<number> {
  const known = backends.get(client);
  if (known !== undefined) return known;
  const { rows } = await send<{ pid: number }>(client, { text: "select pg_backend_pid() as pid" });
  const pid = rows[0]?.pid ?? 0;
  backends.set(client, pid);
  return pid;
}

/** Sends one statement. Throws a DatabaseUnavailableError where that, or an earlier one, lost the connection. */
async function send<R extends pg.QueryResultRow>(
  client: pg.PoolClient,
  statement: pg.QueryConfig,
): Promise<pg.QueryResult<R>> {
  try {
    return await client.query<R>(statement);
  } catch (error) {
    if (endsConnection(error)) lost.add(client);
    if (!lost.has(client) && !mayPass(error)) throw error;
    throw new DatabaseUnavailableError(`the database is unavailable: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Where a statement failed and the work went on, the server takes `commit` for `rollback`. */
async function commit(client: pg.PoolClient): Promise<void> {
  const { command } = await send(client, { text: "commit" });
  if (command !== "COMMIT") {
    throw new Error("the transaction was rolled back: one of its statements had failed");
  }
}

/**
 * Whether a connection is no good after this error: SQLSTATE classes 08 (connection exception) and 57P
 * (operator intervention, such as a shutdown), and 25006, which a server answers that was the primary.
 * Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
function endsConnection(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /^(?:08|57P|25006)/.test(error.code ?? "");
}

/**
 * Whether the same statement may succeed later: SQLSTATE classes 40 (transaction rollback, such as a
 * deadlock), 53 (insufficient resources) and 58 (system error).
 */
function mayPass(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /^(?:40|53|58)/.test(error.code ?? "");
}

/** What an error says; Node's for a host with several addresses leaves that to those it is made of. */
function messageOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return String(error);
  if ("errors" in error && Array.isArray(error.errors)) {
    return error.errors.map(messageOf).join(", ");
  }
  return "message" in error ? String(error.message) : "for no known reason";
}
