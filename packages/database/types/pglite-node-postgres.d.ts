/** What is used of @electric-sql/pglite/node-postgres; see pglite.d.ts. */
import type { Connection } from "pg";
import type { PGlite } from "./pglite.d.ts";

/** What a pg.Pool connects by: one connection, to the database in this process. */
export function createPgConfig(pglite: PGlite): {
  readonly connection: Connection;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly host: string;
  readonly port: number;
};
