import { rm } from "node:fs/promises";
import type { DatabaseConfig } from "../src/index.ts";
import { preparedDataDir } from "./prepared-data-dir.ts";
import { startPostgres } from "./postgres-server.ts";

/** What a service can be run on: all of it has to hold on each of them. */
export const databaseKinds = ["embedded", "server"] as const;
export type DatabaseKind = (typeof databaseKinds)[number];

/** A place for one empty database. */
export interface AnyDatabase extends AsyncDisposable {
  /** What opens it, again and again. */
  readonly config: DatabaseConfig;
}

/** Makes a place for a database, which is gone when it is disposed of. */
export async function startDatabase(kind: DatabaseKind): Promise<AnyDatabase> {
  if (kind === "server") {
    const server = await startPostgres();
    return {
      config: {
        DATABASE_URL: await server.createDatabase(),
        DATA_DIR: "unused",
        EMBEDDED_DATABASE: false,
      },
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  }
  const dataDir = await preparedDataDir("product-service", "user-service");
  return {
    config: { DATA_DIR: dataDir, EMBEDDED_DATABASE: false },
    [Symbol.asyncDispose]: () => rm(dataDir, { recursive: true, force: true }),
  };
}
