import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { CallTrace, RecordedTrace } from "./call-trace.ts";

/** Decides of which calls a trace tells, and records those. */
export interface CallTracer {
  /** A call has come to a method, by its path. Undefined where it is not recorded. */
  served(
    path: string,
    headers: IncomingHttpHeaders,
    stream: ServerHttp2Stream,
  ): RecordedTrace | undefined;
  /** The trace of a call that has come and is not recorded, as it is passed on. */
  unrecorded(headers: IncomingHttpHeaders): CallTrace;
  /** A call is made to a method of a target. One that is recorded has a trace of its own. */
  made(path: string, target: string): CallTrace;
}

let inUse: CallTracer | undefined;

/** What records the calls of this process; undefined where nothing does. */
export function callTracer(): CallTracer | undefined {
  return inUse;
}

/** Has the calls of this process recorded from now on; undefined: not any more. */
export function traceCallsBy(tracer: CallTracer | undefined): void {
  inUse = tracer;
}
