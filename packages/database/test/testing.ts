export {
  type AnyDatabase,
  type DatabaseKind,
  databaseKinds,
  startDatabase,
} from "./any-database.ts";
export { type MainProcess, type MainProcessOptions, startMain } from "./main-process.ts";
export { freePort, type PostgresServer, type Session, startPostgres } from "./postgres-server.ts";
export { prepareDataDir, preparedDataDir } from "./prepared-data-dir.ts";
