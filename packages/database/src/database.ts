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
  /** Runs the work in one transaction: all of it, or nothing where the work throws. */
  transaction<T>(work: (transaction: Queryable) => Promise<T>): Promise<T>;
  /** Waits for the statements that are running, and closes. */
  close(): Promise<void>;
}

/** The database could not be reached, or ended the connection: to try again later may help. */
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

/** Makes a database over a pool of connections. */
export function createDatabase({ pool, cancelPool, release }: DatabaseParts): Database {
  for (const each of [pool, cancelPool]) {
    // Without a listener, a server that goes away takes this process with it.
    each?.on("error", () => undefined);
  }
  return {
    pool,
    query: (statement, signal) =>
      withClient(pool, (client) => run(client, statement, signal, cancelPool), signal),
    transaction: (work) =>
      withClient(pool, async (client) => {
        await client.query("begin");
        try {
          const result = await work({
            query: (statement, signal) => run(client, statement, signal, cancelPool),
          });
          await client.query("commit");
          return result;
        } catch (error) {
          await client.query("rollback");
          throw error;
        }
      }),
    close: async () => {
      await pool.end();
      await cancelPool?.end();
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
    throw new DatabaseUnavailableError("the database cannot be reached", { cause });
  }
  let lost = false;
  try {
    return await work(client);
  } catch (error) {
    lost = isConnectionLoss(error);
    throw lost ? new DatabaseUnavailableError("the database went away", { cause: error }) : error;
  } finally {
    client.release(lost);
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
    const { rows } = await client.query<R>(config);
    signal?.throwIfAborted();
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
    return (await client.query<R>(config)).rows;
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
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  const pid = rows[0]?.pid ?? 0;
  backends.set(client, pid);
  return pid;
}

/**
 * Whether an error means that the connection is gone. SQLSTATE classes 08 (connection exception) and
 * 57P (the server shuts down); without a SQLSTATE, it is Node's or pg's own about the socket.
 * Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
function isConnectionLoss(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return /^(?:08|57P)/.test(error.code ?? "");
  return error instanceof Error && /^(?:Connection terminated|Client has encountered|read E|write E)/.test(error.message);
}
