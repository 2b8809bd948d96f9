import { type Context, isSpanContextValid, trace, TraceFlags } from "@opentelemetry/api";
import {
  type IdGenerator,
  type Sampler,
  SamplingDecision,
  type SamplingResult,
} from "@opentelemetry/sdk-trace";
import type { CallTrace } from "./call-trace.ts";
import { TraceIds } from "./trace-ids.ts";

const traceIdDigits = 32;

/** Which traces are recorded. */
export interface SamplingRules {
  /** Of those that begin here, how many: from 0 to 1. */
  readonly share: number;
  /** Whether those that began elsewhere are recorded where that says so; else they are as if they began here. */
  readonly followsParents: boolean;
}

/**
 * Decides which traces are recorded: for the kit, before anything is made for a call, and for OpenTelemetry's SDK in the
 * same way, so that whatever a service records besides is of the same traces.
 */
export class TraceSampling implements Sampler, IdGenerator {
  readonly #ids: TraceIds;
  readonly #followsParents: boolean;
  #begun: string | undefined;

  constructor({ share, followsParents }: SamplingRules) {
    this.#ids = new TraceIds(share);
    this.#followsParents = followsParents;
  }

  /** Whether a trace is recorded that has begun here or elsewhere. */
  isRecorded({ traceId, isSampled }: Pick<CallTrace, "traceId" | "isSampled">): boolean {
    return this.#followsParents ? isSampled : this.#ids.isRecorded(traceId);
  }

  /** Begins a trace. Whether it is recorded; the next span without a parent is of it then. */
  begins(): boolean {
    this.#begun = this.#ids.recorded();
    return this.#begun !== undefined;
  }

  /** A `traceparent` of which nothing is recorded. */
  unrecorded(): string {
    const ids = this.#ids.unrecorded();
    return `00-${ids.slice(0, traceIdDigits)}-${ids.slice(traceIdDigits)}-00`;
  }

  generateTraceId(): string {
    const id = this.#begun ?? this.#ids.traceId();
    this.#begun = undefined;
    return id;
  }

  generateSpanId(): string {
    return this.#ids.spanId();
  }

  shouldSample(context: Context, traceId: string): SamplingResult {
    const parent = trace.getSpanContext(context);
    const isRecorded =
      parent !== undefined && isSpanContextValid(parent)
        ? this.isRecorded({ traceId, isSampled: (parent.traceFlags & TraceFlags.SAMPLED) !== 0 })
        : this.#ids.isRecorded(traceId);
    return {
      decision: isRecorded ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD,
    };
  }

  toString(): string {
    return "TraceSampling";
  }
}
