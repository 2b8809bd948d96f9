export { DataDirInUseError } from "./data-dir-lock.ts";
export {
  type Database,
  DatabaseUnavailableError,
  type Queryable,
  type Statement,
} from "./database.ts";
export {
  type DatabaseConfig,
  databaseEnvironment,
  refuseEmbeddedInProduction,
} from "./environment.ts";
export type { Migrations } from "./migrate.ts";
export { type DatabaseOptions, openDatabase } from "./open-database.ts";
