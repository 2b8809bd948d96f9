import type { MethodKind } from "./definition.ts";
import type { MethodLatency } from "./method-latency.ts";
import type { CostClass } from "./policy.ts";

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
}
