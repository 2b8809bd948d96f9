import { join, resolve } from "node:path";
import pg from "pg";
import { createDatabase, type Database } from "./database.ts";
import type { DatabaseConfig } from "./environment.ts";
import { lockDataDir } from "./data-dir-lock.ts";
import type { CurrentCall } from "./limits.ts";
import { type Migrations, migrate } from "./migrate.ts";

/** What a database is opened by. */
export interface DatabaseOptions {
  /** The service's name: the embedded database's folder, and what a server shows as the application. */
  readonly name: string;
  /** Where the data is. */
  readonly config: DatabaseConfig;
  /** What brings the tables up to date. */
  readonly migrations: Migrations;
  /** The most connections to a server; 10 by default. */
  readonly maxConnections?: number;
  /**
   * How long a statement waits for a connection before the database counts as out of reach, in
   * milliseconds; 5,000 by default.
   */
  readonly connectTimeoutMs?: number;
  /**
   * Tells which call the running code answers, if any. Statements then have no more time than that call
   * has left, and are cancelled with it. By default they have all the time that the server gives them.
   */
  readonly currentCall?: () => CurrentCall | undefined;
}

/**
 * Opens a service's database and brings its tables up to date.
 *
 * Throws a `DataDirInUseError` where another process uses the embedded database, and a
 * `DatabaseUnavailableError` where the server does not answer.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { name, config, migrations, currentCall } = options;
  const { maxConnections = 10, connectTimeoutMs = 5_000 } = options;
  // Without connectionTimeoutMillis, an exhausted pool is waited for without end.
  const settings = { types, connectionTimeoutMillis: connectTimeoutMs };
  const database =
    config.DATABASE_URL === undefined
      ? await openEmbedded(name, config.DATA_DIR, settings, currentCall)
      : openServer(name, config.DATABASE_URL, { ...settings, max: maxConnections }, currentCall);
  try {
    // Tells a server that does not answer from a migration that fails.
    await database.query({ text: "select 1" });
    await migrate(database, name, migrations);
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}

/** A PostgreSQL inside this process. It never syncs to the disk: kill -9 loses nothing, a power cut may. */
async function openEmbedded(
  name: string,
  dataDir: string,
  settings: pg.PoolConfig,
  currentCall: DatabaseOptions["currentCall"],
): Promise<Database> {
  const inMemory = dataDir === "memory://";
  const folder = inMemory ? dataDir : resolve(dataDir, name);
  const unlock = inMemory ? undefined : await lockDataDir(folder);
  try {
    // Imported only here: who has a server does not load a second PostgreSQL.
    const { PGlite } = await import("@electric-sql/pglite");
    const { createPgConfig } = await import("@electric-sql/pglite/node-postgres");
    const pglite = await PGlite.create(inMemory ? folder : join(folder, "pgdata"));
    return createDatabase({
      // It is one connection: whoever needs it waits.
      pool: new pg.Pool({ ...settings, ...createPgConfig(pglite), max: 1 }),
      currentCall,
      release: async () => {
        await pglite.close();
        unlock?.();
      },
    });
  } catch (error) {
    unlock?.();
    throw error;
  }
}

function openServer(
  name: string,
  url: string,
  settings: pg.PoolConfig,
  currentCall: DatabaseOptions["currentCall"],
): Database {
  const server = {
    ...settings,
    connectionString: url,
    application_name: name,
    // A server that vanishes without a word is noticed, also while it owes an answer.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
  return createDatabase({
    pool: new pg.Pool({ ...server, pipeline: true }),
    cancelPool: new pg.Pool({ ...server, max: 1, idleTimeoutMillis: 1_000 }),
    currentCall,
  });
}

/** pg gives `bigint` columns as text; here they are bigint. */
const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, BigInt);
