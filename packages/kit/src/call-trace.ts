import type { IncomingHttpHeaders } from "node:http2";

/** A `traceparent` of version 00, and as much as that of a later one. */
const pattern =
  /^(?:00-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}|(?!00|ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}(?:-.*)?)$/;

/** Where the parts are in it. */
const traceIdAt = 3;
const spanIdAt = 36;
const flagsAt = 53;
const length = 55;

const sampledFlag = 1;

/** What has more characters need not be passed on (https://www.w3.org/TR/trace-context/#tracestate-limits). */
const maxStateLength = 512;

/**
 * Where a call is in a trace, as it is said to whoever is called for it.
 * Source: https://www.w3.org/TR/trace-context/
 */
export class CallTrace {
  readonly traceparent: string;
  readonly tracestate: string | undefined;

  constructor(traceparent: string, tracestate?: string) {
    this.traceparent = traceparent;
    this.tracestate = tracestate;
  }

  /** What a call has come with; undefined where that is nothing, or is no `traceparent`. */
  static received({ traceparent, tracestate }: IncomingHttpHeaders): CallTrace | undefined {
    if (typeof traceparent !== "string" || !pattern.test(traceparent)) return undefined;
    const own =
      traceparent.length === length ? traceparent : `00-${traceparent.slice(traceIdAt, length)}`;
    const state = tracestate === undefined ? "" : String(tracestate);
    return new CallTrace(own, state === "" || state.length > maxStateLength ? undefined : state);
  }

  /** 32 digits, in hexadecimal. */
  get traceId(): string {
    return this.traceparent.slice(traceIdAt, spanIdAt - 1);
  }

  /** Of whoever has made the call: 16 digits, in hexadecimal. */
  get spanId(): string {
    return this.traceparent.slice(spanIdAt, flagsAt - 1);
  }

  /** Whether what belongs to the trace is recorded, as far as anybody has said. */
  get isSampled(): boolean {
    return (Number.parseInt(this.traceparent.slice(flagsAt), 16) & sampledFlag) !== 0;
  }

  /** The same trace, of which nothing is recorded from here on. */
  unsampled(): CallTrace {
    return this.isSampled
      ? new CallTrace(`${this.traceparent.slice(0, flagsAt)}00`, this.tracestate)
      : this;
  }
}

/** The same of a call that is recorded. */
export abstract class RecordedTrace extends CallTrace {
  /** The call has ended, after so many further attempts. */
  abstract end(code: number, retries?: number): void;
}
