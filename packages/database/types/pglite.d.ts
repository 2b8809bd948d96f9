/**
 * What is used of @electric-sql/pglite. Its own declarations need the browser's types and
 * Emscripten's, which would then be there for all code: tsconfig.base.json names these instead.
 */

/** PostgreSQL in this process. */
export class PGlite {
  /** Opens the database in a folder, making it first where there is none. `memory://` keeps nothing. */
  static create(dataDir: string): Promise<PGlite>;
  close(): Promise<void>;
}
