import type pg from "pg";
import type { Limits } from "./limits.ts";

/** A connection that statements run on, one after the other. Each kind of database stops them in its own way. */
export interface Session {
  /** Runs one statement, unless its limits end it before. */
  run<R extends pg.QueryResultRow>(statement: pg.QueryConfig, limits: Limits): Promise<R[]>;
  /** Begins a transaction: what runs on the session that this answers with belongs to it. */
  begin(limits: Limits): Promise<Session>;
}
