import { setImmediate } from "node:timers/promises";
import type pg from "pg";
import { type Limits, throwIfOver } from "./limits.ts";
import { send } from "./send.ts";
import type { Session } from "./session.ts";

/**
 * The connection to the database in this process. Its statements run on this thread, so that nothing stops
 * one that has begun: its limits are looked at before and after.
 */
export class EmbeddedSession implements Session {
  readonly #client: pg.PoolClient;
  readonly #isTransaction: boolean;

  constructor(client: pg.PoolClient, isTransaction = false) {
    this.#client = client;
    this.#isTransaction = isTransaction;
  }

  async run<R extends pg.QueryResultRow>(statement: pg.QueryConfig, limits: Limits): Promise<R[]> {
    throwIfOver(limits);
    const { rows } = await send<R>(this.#client, statement);
    // Who gave it up meanwhile is heard in the next turn; what can be undone is worth the wait.
    if (this.#isTransaction && limits.signal !== undefined) await setImmediate();
    throwIfOver(limits);
    return rows;
  }

  async begin(limits: Limits): Promise<Session> {
    throwIfOver(limits);
    await send(this.#client, { text: "begin" });
    return new EmbeddedSession(this.#client, true);
  }
}
