export { DataDirInUseError } from "./data-dir-lock.ts";
export type { Database, Queryable, Statement } from "./database.ts";
export { DatabaseUnavailableError } from "./database-unavailable-error.ts";
export {
  type DatabaseConfig,
  databaseEnvironment,
  refuseUnfitEmbedded,
} from "./environment.ts";
export type { CurrentCall } from "./limits.ts";
export type { Migrations } from "./migrate.ts";
export { type DatabaseOptions, openDatabase } from "./open-database.ts";
