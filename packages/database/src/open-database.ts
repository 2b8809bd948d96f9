import { join, resolve } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { createPgConfig } from "@electric-sql/pglite/node-postgres";
import pg from "pg";
import { createDatabase, type Database } from "./database.ts";
import type { DatabaseConfig } from "./environment.ts";
import { lockDataDir } from "./data-dir-lock.ts";
import { type Migrations, migrate } from "./migrate.ts";

/** How long a statement waits for a connection before the database counts as out of reach, in ms. */
const connectTimeoutMs = 5_000;

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
}

/**
 * Opens a service's database and brings its tables up to date.
 *
 * Throws a `DataDirInUseError` where another process uses the embedded database, and a
 * `DatabaseUnavailableError` where the server does not answer.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { name, config, maxConnections = 10 } = options;
  const database =
    config.DATABASE_URL === undefined
      ? await openEmbedded(name, config.DATA_DIR)
      : openServer(name, config.DATABASE_URL, maxConnections);
  try {
    await migrate(database, options.migrations);
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}

/** A PostgreSQL inside this process. It never syncs to the disk: kill -9 loses nothing, a power cut may. */
async function openEmbedded(name: string, dataDir: string): Promise<Database> {
  const inMemory = dataDir === "memory://";
  const folder = inMemory ? dataDir : resolve(dataDir, name);
  const unlock = inMemory ? undefined : await lockDataDir(folder);
  try {
    const pglite = await PGlite.create(inMemory ? folder : join(folder, "pgdata"));
    return createDatabase({
      // It is one connection: whoever needs it waits.
      pool: new pg.Pool({ ...createPgConfig(pglite), max: 1, types }),
      release: async () => {
        await pglite.close();
        await unlock?.();
      },
    });
  } catch (error) {
    await unlock?.();
    throw error;
  }
}

function openServer(name: string, url: string, maxConnections: number): Database {
  const settings = {
    connectionString: url,
    application_name: name,
    // Otherwise, an exhausted pool is waited for without end.
    connectionTimeoutMillis: connectTimeoutMs,
    types,
  };
  return createDatabase({
    pool: new pg.Pool({ ...settings, max: maxConnections }),
    cancelPool: new pg.Pool({ ...settings, max: 1, idleTimeoutMillis: 1_000 }),
  });
}

/** pg gives `bigint` columns as text; here they are bigint. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === pg.types.builtins.INT8 && format !== "binary" ? BigInt : pg.types.getTypeParser(oid, format),
};
