import type { CallTrace } from "./call-trace.ts";

/**
 * The fields of a log line that belongs to a trace.
 * Source: https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/
 */
export function traceFields(trace: CallTrace | undefined): Record<string, string> {
  return trace === undefined ? {} : { trace_id: trace.traceId, span_id: trace.spanId };
}
