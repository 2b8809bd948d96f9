import type { CallMetrics } from "./call-metrics.ts";
import type { MethodKind } from "./definition.ts";
import type { IncomingHttpHeaders } from "node:http2";
import type { MethodLatency } from "./method-latency.ts";
import type { OpenCall } from "./open-call.ts";
import type { CostClass } from "./policy.ts";

/** Answers a call whose headers are there. */
export type Answer = (call: OpenCall, headers: IncomingHttpHeaders) => void;

/** What a {@link CallGate} knows of a method. */
export interface GatedMethod {
  /** Its path, also where it was called by an alias. */
  readonly path: string;
  /** `health`: one of grpc.health.v1.Health, which is always answered. `unknown`: there is no such method. */
  readonly kind: MethodKind | "health" | "unknown";
  readonly costClass: CostClass;
  /** How large a request, or each message of a request stream, may be, in bytes. */
  readonly maxRequestBytes: number;
  /** How long its calls take; for unary calls only. */
  readonly latency: MethodLatency;
  /** Answers a call that has been let in; undefined where grpc-js does. */
  readonly answer: Answer | undefined;
  readonly metrics: CallMetrics;
}
