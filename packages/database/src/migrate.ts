import { Kysely, PostgresDialect } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import type { Database } from "./database.ts";

/** The steps that make a database what the code expects, by name, in the order of their names. */
export type Migrations = Readonly<Record<string, Migration>>;

/**
 * Brings a service's part of a database up to date. Replicas that start at once do it one after the
 * other, under a lock in the database; what is done already is not done again. Services that share a
 * database each have their own record of that.
 */
export async function migrate(
  { pool }: Database,
  serviceName: string,
  migrations: Migrations,
): Promise<void> {
  const prefix = serviceName.replaceAll("-", "_");
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: sharedPool(pool) }) });
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve({ ...migrations }) },
    migrationTableName: `${prefix}_migrations`,
    migrationLockTableName: `${prefix}_migration_lock`,
  });
  const { error, results = [] } = await migrator.migrateToLatest();
  if (error === undefined) return;
  const failed = results.find(({ status }) => status === "Error")?.migrationName;
  const where = failed === undefined ? "" : `${failed}: `;
  const why = error instanceof Error ? error.message : "for no known reason";
  throw new Error(`the database cannot be migrated: ${where}${why}`, { cause: error });
}

/** The pool, for somebody who must not end it. */
function sharedPool(pool: Database["pool"]) {
  return { connect: () => pool.connect(), end: () => Promise.resolve(), options: pool.options };
}
