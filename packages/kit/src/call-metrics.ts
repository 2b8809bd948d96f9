import { Code } from "./code.ts";
import { LatencyHistogram } from "./latency-histogram.ts";

/** How many calls of a method there were, how they ended, and how long they took. */
export class CallMetrics {
  /** What they are told apart by besides: the method, and of those that this process makes the target. */
  readonly labels: Readonly<Record<string, string>>;
  started = 0;
  retries = 0;
  /** How many were refused before anybody looked at them, by the reason. They have ended as well. */
  readonly refused: Map<string, number> = new Map<string, number>();
  /** Of those that have ended: by their code. */
  readonly #durations: (LatencyHistogram | undefined)[] = [];

  constructor(labels: Readonly<Record<string, string>>) {
    this.labels = labels;
  }

  /** One has ended, so many milliseconds after it had started. */
  ended(code: number, ms: number): void {
    const known = code in Code ? code : Code.UNKNOWN;
    const durations = (this.#durations[known] ??= new LatencyHistogram());
    durations.record(ms);
  }

  /** One was refused with that code, and so it has started and ended at once. */
  refuse(code: number, reason: string): void {
    this.started += 1;
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
    this.ended(code, 0);
  }

  /** Of those that have ended, by their code. */
  get durations(): readonly (readonly [number, LatencyHistogram])[] {
    return this.#durations.flatMap((durations, code) =>
      durations === undefined ? [] : [[code, durations] as const],
    );
  }
}

const ofServer = new Map<string, CallMetrics>();
const ofClient = new Map<string, CallMetrics>();

/** What this process has counted so far. */
export const callMetrics: {
  readonly server: ReadonlyMap<string, CallMetrics>;
  readonly client: ReadonlyMap<string, CallMetrics>;
} = { server: ofServer, client: ofClient };

/** The calls of a method that the servers of this process answer, by its path. */
export function serverCallsOf(path: string): CallMetrics {
  return entry(ofServer, path, () => ({ grpc_method: nameOf(path) }));
}

/** The calls of a method that the clients of this process make to a target, by its path. */
export function clientCallsOf(target: string, path: string): CallMetrics {
  return entry(ofClient, `${target} ${path}`, () => ({
    grpc_method: nameOf(path),
    grpc_target: target,
  }));
}

function entry(
  all: Map<string, CallMetrics>,
  key: string,
  labels: () => Readonly<Record<string, string>>,
): CallMetrics {
  let metrics = all.get(key);
  if (metrics === undefined) {
    metrics = new CallMetrics(labels());
    all.set(key, metrics);
  }
  return metrics;
}

/** `org.product.v1.ProductService/GetProduct`. */
function nameOf(path: string): string {
  return path.startsWith("/") ? path.slice(1) : path;
}
