import { join } from "node:path";
import { startChild } from "./child.ts";
import type { Role } from "./cores.ts";
import type { LoadCall } from "./load-connection.ts";
import { isOpen, type LoadResult, loadResult, refusal } from "./load-job.ts";
import type { RunningPeer } from "./peers.ts";

/** What is called, and how. */
export interface Work {
  readonly call: LoadCall;
  readonly connections: number;
  readonly forMs: number;
  /** How many calls there are at a time. */
  readonly inFlight?: number;
  /** How many calls begin in a second, instead of that. */
  readonly perSecond?: number;
  /** Connections that do nothing; none by default. */
  readonly idleConnections?: number;
  /** Whether the server may refuse calls, as one does that has too many; it may not by default. */
  readonly mayRefuse?: boolean;
}

/** A load generator in a process of its own, on a core of its own. */
export interface Generator extends AsyncDisposable {
  /**
   * Makes calls, once all connections are open, have made one call each, and `ready` has resolved. Throws where one is
   * not answered as it has to be.
   */
  run(target: Target, work: Work, ready?: () => Promise<void>): Promise<LoadResult>;
}

/** Where calls go. */
type Target = Pick<RunningPeer, "port" | "protocol">;

/** Starts a load generator; by default on the core that it has for itself. */
export function startGenerator(role: Role = "load"): Generator {
  const child = startChild(role, join(import.meta.dirname, "load-main.ts"));
  const attempt: Generator["run"] = async ({ port, protocol }, work, ready) => {
    const { call, connections, forMs, inFlight = 0, perSecond = 0, idleConnections = 0 } = work;
    const job = { protocol, port, call, connections, idleConnections, inFlight, perSecond, forMs };
    await child.ask(job, isOpen);
    await ready?.();
    return child.ask({ begin: true }, loadResult);
  };
  return {
    async run(target, work, ready) {
      const result = await attempt(target, work, ready);
      const failures = Object.entries(result.failures).filter(
        ([problem]) => problem !== refusal || work.mayRefuse !== true,
      );
      if (failures.length > 0 || result.calls === 0) {
        const list = failures.map(([problem, count]) => `${count} × ${problem}`).join(", ");
        throw new Error(`${work.call.path}: ${result.calls} right answers, and ${list}`);
      }
      return result;
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
