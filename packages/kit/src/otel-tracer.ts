import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { experimental } from "@grpc/grpc-js";
import {
  type Attributes,
  type Context,
  createTraceState,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
  TraceFlags,
} from "@opentelemetry/api";
import { currentTrace } from "./call-scope.ts";
import { CallTrace, RecordedTrace } from "./call-trace.ts";
import type { CallTracer } from "./call-tracer.ts";
import { CallContexts } from "./call-contexts.ts";
import { Code, codeName } from "./code.ts";
import type { TraceSampling } from "./trace-sampling.ts";

/** What a server is to blame for; any other code says that the caller is. */
const serversErrors: ReadonlySet<number> = new Set([
  ...[Code.UNKNOWN, Code.DEADLINE_EXCEEDED, Code.UNIMPLEMENTED],
  ...[Code.INTERNAL, Code.UNAVAILABLE, Code.DATA_LOSS],
]);

const isServersError = (code: number): boolean => serversErrors.has(code);
const isClientsError = (code: number): boolean => code > 0;

/**
 * Records calls as spans of OpenTelemetry, with its names for gRPC:
 * https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
 */
export class OtelTracer implements CallTracer {
  /** The contexts that spans of the service's own are made in. */
  readonly contexts: CallContexts = new CallContexts(contextOfCall);
  readonly #tracer: Tracer;
  readonly #sampling: TraceSampling;

  constructor(tracer: Tracer, sampling: TraceSampling) {
    this.#tracer = tracer;
    this.#sampling = sampling;
  }

  served(
    path: string,
    headers: IncomingHttpHeaders,
    stream: ServerHttp2Stream,
  ): RecordedTrace | undefined {
    const received = CallTrace.received(headers);
    const isRecorded =
      received === undefined ? this.#sampling.begins() : this.#sampling.isRecorded(received);
    if (!isRecorded) return undefined;
    const { remoteAddress, remotePort } = stream.session?.socket ?? {};
    const span = this.#tracer.startSpan(
      path.slice(1),
      {
        kind: SpanKind.SERVER,
        attributes: {
          ...attributesOf(path),
          ...(remoteAddress !== undefined && { "network.peer.address": remoteAddress }),
          ...(remotePort !== undefined && { "network.peer.port": remotePort }),
        },
      },
      received === undefined ? ROOT_CONTEXT : contextOf(received),
    );
    return new SpanTrace(span, isServersError);
  }

  unrecorded(headers: IncomingHttpHeaders): CallTrace {
    return CallTrace.received(headers)?.unsampled() ?? new CallTrace(this.#sampling.unrecorded());
  }

  made(path: string, target: string): CallTrace {
    const given = this.contexts.given();
    const around = given === undefined ? currentTrace() : undefined;
    if (around !== undefined && !(around instanceof SpanTrace)) return around;
    const context = around?.context ?? given ?? ROOT_CONTEXT;
    const parent = trace.getSpanContext(context);
    if (parent === undefined || !isSpanContextValid(parent)) {
      if (!this.#sampling.begins()) return new CallTrace(this.#sampling.unrecorded());
    } else if ((parent.traceFlags & TraceFlags.SAMPLED) === 0) {
      return traceOf(parent);
    }
    const attributes = { ...attributesOf(path), ...addressOf(target) };
    const options = { kind: SpanKind.CLIENT, attributes };
    return new SpanTrace(this.#tracer.startSpan(path.slice(1), options, context), isClientsError);
  }
}

class SpanTrace extends RecordedTrace {
  readonly context: Context;
  readonly #span: Span;
  readonly #isError: (code: number) => boolean;

  constructor(span: Span, isError: (code: number) => boolean) {
    const { traceparent, tracestate } = traceOf(span.spanContext());
    super(traceparent, tracestate);
    this.context = trace.setSpan(ROOT_CONTEXT, span);
    this.#span = span;
    this.#isError = isError;
  }

  end(code: number, retries = 0): void {
    const status = codeName(code);
    this.#span.setAttribute("rpc.response.status_code", status);
    // https://github.com/grpc/proposal/blob/master/A72-open-telemetry-tracing.md
    if (retries > 0) this.#span.setAttribute("previous-rpc-attempts", retries);
    if (this.#isError(code)) {
      this.#span.setAttribute("error.type", status);
      this.#span.setStatus({ code: SpanStatusCode.ERROR });
    }
    this.#span.end();
  }
}

/** The context of the call that the running code was started by. */
function contextOfCall(): Context {
  const around = currentTrace();
  if (around instanceof SpanTrace) return around.context;
  return around === undefined ? ROOT_CONTEXT : contextOf(around);
}

/** The context of what has come from elsewhere. */
function contextOf({ traceId, spanId, isSampled, tracestate }: CallTrace): Context {
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
  });
}

function traceOf({ traceId, spanId, traceFlags, traceState }: SpanContext): CallTrace {
  const flags = traceFlags.toString(16).padStart(2, "0");
  // One without entries is empty, which no header may be.
  const state = traceState?.serialize();
  return new CallTrace(
    `00-${traceId}-${spanId}-${flags}`,
    state === undefined || state === "" ? undefined : state,
  );
}

function attributesOf(path: string): Attributes {
  return { "rpc.system.name": "grpc", "rpc.method": path.slice(1) };
}

/** Where a target leads, as far as its text says so: of `dns:127.0.0.1:50051`, address and port. */
function addressOf(target: string): Attributes {
  const path = target.replace(/^[^:]+:(?:\/\/[^/]*)?\/?/, "");
  const hostPort = experimental.splitHostPort(path);
  if (hostPort === null) return { "server.address": path };
  const { host, port } = hostPort;
  return { "server.address": host, ...(port !== undefined && { "server.port": port }) };
}
