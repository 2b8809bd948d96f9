import { setTimeout } from "node:timers/promises";
import type pg from "pg";
import { type Limits, throwIfOver } from "./limits.ts";
import { lost, send } from "./send.ts";
import type { Session } from "./session.ts";

/** The longest `statement_timeout` that PostgreSQL takes, in milliseconds: 24 days. */
const longestTimeoutMs = 2 ** 31 - 1;

/** The shortest that is set, in milliseconds: to set another one after it has to succeed within it. */
const shortestTimeoutMs = 100;

/** After how long a statement that is still running is cancelled again, in milliseconds. */
const cancelAgainMs = 100;

/** After how long the server counts as out of reach that does not cancel a statement, in milliseconds. */
const giveUpMs = 1_000;

/** The server's end of a connection. */
interface Backend {
  readonly client: pg.PoolClient;
  /** The server's process. */
  readonly pid: number;
  /** The `statement_timeout` that the server gives each connection, in milliseconds; 0 for none. */
  readonly usualTimeoutMs: number;
  /** The connections on which its statements are cancelled. */
  readonly cancelPool: pg.Pool;
}

/**
 * A connection to a server. A statement that is given up is cancelled there. In case this process dies
 * before, or cannot, what is left of its time is its `statement_timeout`.
 *
 * To set that leaves together with the statement, and costs no round trip; for each statement it would
 * still cost a quarter of what a server can do. So what is set stays while it is enough, and at most
 * twice of what is left.
 */
export class ServerSession implements Session {
  readonly #backend: Backend;
  readonly #set: "set" | "set local";
  /** The `statement_timeout` that the connection has now, in milliseconds; 0 for none. */
  #timeoutMs: number;

  private constructor(backend: Backend, set: "set" | "set local", timeoutMs: number) {
    this.#backend = backend;
    this.#set = set;
    this.#timeoutMs = timeoutMs;
  }

  /** Begins to use a new connection of a pool with `pipeline`. */
  static async open(client: pg.PoolClient, cancelPool: pg.Pool): Promise<ServerSession> {
    const { rows } = await send<{ pid: number; timeout: number }>(client, {
      text: "select pg_backend_pid() as pid, setting::integer as timeout from pg_settings where name = 'statement_timeout'",
    });
    const { pid = 0, timeout = 0 } = rows[0] ?? {};
    return new ServerSession({ client, pid, usualTimeoutMs: timeout, cancelPool }, "set", timeout);
  }

  async run<R extends pg.QueryResultRow>(statement: pg.QueryConfig, limits: Limits): Promise<R[]> {
    throwIfOver(limits);
    const { signal } = limits;
    const timeoutMs = this.#timeoutFor(limits);
    if (this.#timeoutMs < timeoutMs || this.#timeoutMs > 2 * timeoutMs) {
      // It leaves with the statement. Where it fails, it has changed nothing, and the next one sets it.
      this.#setTimeout(timeoutMs).catch(() => undefined);
    }
    const sent = send<R>(this.#backend.client, statement);
    let cancelled: Promise<void> | undefined;
    const cancel = (): void => {
      cancelled = this.#cancel(sent);
    };
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      return (await sent).rows;
    } catch (error) {
      // It may have failed for just that.
      throwIfOver(limits);
      throw error;
    } finally {
      signal?.removeEventListener("abort", cancel);
      await cancelled;
    }
  }

  async begin(limits: Limits): Promise<Session> {
    throwIfOver(limits);
    const { client } = this.#backend;
    const timeoutMs = this.#timeoutFor(limits);
    const isSet = timeoutMs === this.#timeoutMs;
    const text = isSet ? "begin" : `begin; set local statement_timeout = ${timeoutMs}`;
    try {
      await send(client, { text });
    } catch (error) {
      // It may have begun.
      lost.add(client);
      throw error;
    }
    return new ServerSession(this.#backend, "set local", timeoutMs);
  }

  /**
   * Has a statement cancelled, until it has ended: what meets the server before it has begun is for nothing. Where
   * that cannot be told within a second, as the server is out of reach, the connection is given up.
   */
  async #cancel(sent: Promise<unknown>): Promise<void> {
    const { client, pid, cancelPool } = this.#backend;
    const ended = sent.then(
      () => "ended" as const,
      () => "ended" as const,
    );
    const giveUpAt = performance.now() + giveUpMs;
    while (performance.now() < giveUpAt) {
      const asked = cancelPool.query("select pg_cancel_backend($1)", [pid]).catch(() => undefined);
      const again = asked.then(() => setTimeout(cancelAgainMs));
      if ((await Promise.race([ended, again, setTimeout(giveUpMs / 2)])) === "ended") {
        // A request to cancel must not meet the next statement on this connection.
        await asked;
        return;
      }
    }
    lost.add(client);
    client.connection.stream.destroy();
  }

  async #setTimeout(timeoutMs: number): Promise<void> {
    const text = `${this.#set} statement_timeout = ${timeoutMs}`;
    await send(this.#backend.client, { text });
    this.#timeoutMs = timeoutMs;
  }

  /** The `statement_timeout` for what has these limits: never more than what the server gives by itself. */
  #timeoutFor({ endsAt }: Limits): number {
    const { usualTimeoutMs } = this.#backend;
    if (endsAt === Infinity) return usualTimeoutMs;
    const leftMs = Math.max(Math.ceil(endsAt - Date.now()), shortestTimeoutMs);
    return Math.min(leftMs, usualTimeoutMs === 0 ? longestTimeoutMs : usualTimeoutMs);
  }
}
