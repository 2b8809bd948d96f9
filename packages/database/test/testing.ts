export {
  type AnyDatabase,
  type DatabaseKind,
  databaseKinds,
  startDatabase,
} from "./any-database.ts";
export { freePort, type PostgresServer, startPostgres } from "./postgres-server.ts";
