import type { Metadata } from "@grpc/grpc-js";
import { currentTrace } from "./call-scope.ts";
import type { CallTrace } from "./call-trace.ts";
import { callTracer } from "./call-tracer.ts";
import { FixedMetadata } from "./fixed-metadata.ts";
import type { MethodCaller } from "./method-caller.ts";

/** Has a call that is made belong to the trace of the call that it is made for, if there is one. */
export function traceCall(
  { path, target }: MethodCaller,
  metadata: Metadata | undefined,
): CallTrace | undefined {
  // Whoever says it by the call's own metadata, such as a proxy, is not contradicted.
  if (metadata !== undefined && !(metadata instanceof FixedMetadata)) {
    if (metadata.get("traceparent").length > 0) return undefined;
  }
  const tracer = callTracer();
  return tracer === undefined ? currentTrace() : tracer.made(path, target);
}
