import type {
  sendUnaryData,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedHandleCall,
} from "@grpc/grpc-js";
import type { Admit } from "./authentication.ts";
import { type CalledMethod, CallContext, type SurfaceCall } from "./call-context.ts";
import { inScopeOf } from "./call-scope.ts";
import { Code } from "./code.ts";
import { setDeadline } from "./deadline-queue.ts";
import type { MethodKind } from "./definition.ts";
import type { ErrorBoundary } from "./error-boundary.ts";
import type { LiveCalls, LiveStream } from "./live-calls.ts";
import { MessageQueue } from "./message-queue.ts";
import { readRequests, type RequestCheck, type StreamCheck } from "./read-requests.ts";
import { RpcError } from "./rpc-error.ts";
import { StreamWriter } from "./stream-writer.ts";

/** A handler after its types were checked by `implement`: from here on, messages pass through unseen. */
export type UntypedHandler = (input: unknown, call: CallContext) => unknown;

/**
 * What one method needs to answer its calls, in the order in which a call meets it: error boundary,
 * authentication and authorisation, deadline, validation, handler. Made once, when the server starts.
 */
export interface MethodRuntime extends CalledMethod {
  readonly live: LiveCalls;
  readonly boundary: ErrorBoundary;
  /** Lets callers pass who may call; undefined where anyone may. */
  readonly admit: Admit | undefined;
  /** Finds what is wrong with a request; undefined where nothing can be. */
  readonly check: RequestCheck | undefined;
  readonly handler: UntypedHandler;
}

type UnaryCall = ServerUnaryCall<unknown, unknown>;
type ReadableCall = ServerReadableStream<unknown, unknown>;
type WritableCall = ServerWritableStream<unknown, unknown>;
type DuplexCall = ServerDuplexStream<unknown, unknown>;
type Respond = sendUnaryData<unknown>;

/** Makes what grpc-js calls for each call of a method. */
export const serverMethods: Readonly<
  Record<MethodKind, (runtime: MethodRuntime) => UntypedHandleCall>
> = {
  unary: (runtime) => (call: UnaryCall, respond: Respond) => {
    if (isOver(call)) return;
    const context = new CallContext(runtime, call);
    runtime.live.beginUnary();
    answerOnce(runtime, context, respond, call.request, runtime.check);
  },

  clientStream: (runtime) => (call: ReadableCall, respond: Respond) => {
    const context = beginStream(runtime, call);
    const requests = readRequests(call, context, streamCheckOf(runtime, "gather"));
    const stream: LiveStream = {
      end: (error) => {
        if (!context.abort(error)) return;
        requests.fail(error);
        respond(error.toStatus());
      },
    };
    trackStream(runtime.live, call, stream);
    answerOnce(runtime, context, respond, requests, undefined);
  },

  serverStream: (runtime) => (call: WritableCall) => {
    const context = beginStream(runtime, call);
    const { request } = call;
    void inScopeOf(context, () => answerStream(runtime, context, call, request, runtime.check));
  },

  bidi: (runtime) => (call: DuplexCall) => {
    const context = beginStream(runtime, call);
    const requests = readRequests(call, context, streamCheckOf(runtime, "refuse"));
    void inScopeOf(context, () => answerStream(runtime, context, call, requests, undefined));
  },
};

/** How the messages of a request stream are checked: as the contract has it, or else as the kind of method suggests. */
function streamCheckOf(
  { check, policy }: MethodRuntime,
  otherwise: "gather" | "refuse",
): StreamCheck | undefined {
  if (policy?.invalidMessages === "ANSWER") return { check: check ?? noCheck, invalid: "answer" };
  return check && { check, invalid: otherwise };
}

function noCheck(): undefined {
  return undefined;
}

/**
 * Whether a unary call has ended before its handler begins. Where a request's end comes after the
 * status, such as that of a deadline, grpc-js 1.14.7 hands the call over all the same
 * (`handleEndEvent` does not look), and then never emits its end. Its public face does not tell.
 */
function isOver(call: UnaryCall): boolean {
  const inner: unknown = Reflect.get(call, "call");
  return typeof inner === "object" && inner !== null && Reflect.get(inner, "cancelled") === true;
}

function beginStream(runtime: MethodRuntime, call: SurfaceCall): CallContext {
  const { live } = runtime;
  const context = new CallContext(runtime, call);
  live.beginStream();
  call.once("cancelled", () => {
    context.over();
    live.partDone();
  });
  return context;
}

/** Lets a call that is answered with one message through to its handler, and sends what that returns or throws. */
function answerOnce(
  runtime: MethodRuntime,
  context: CallContext,
  respond: Respond,
  input: unknown,
  check: RequestCheck | undefined,
): void {
  let response: unknown;
  try {
    const admitted = runtime.admit?.(context);
    const answer = (): unknown => inScopeOf(context, () => handle(runtime, context, input, check));
    response =
      admitted === undefined
        ? answer()
        : admitted.then(() => {
            if (context.aborted !== undefined) throw context.aborted;
            return answer();
          });
  } catch (error) {
    fail(runtime, context, respond, error);
    return;
  }
  if (!isPromise(response)) {
    // A handler that does not wait is answered in the same turn, and needs no timer.
    succeed(runtime, context, respond, response);
    return;
  }
  // Of what the contract ends before the caller's deadline, grpc-js knows nothing.
  const { policyTimeoutMs } = context;
  const deadline =
    policyTimeoutMs === undefined
      ? undefined
      : setDeadline(policyTimeoutMs, () => {
          const error = new RpcError(Code.DEADLINE_EXCEEDED, "the deadline passed");
          if (!context.abort(error)) return;
          if (input instanceof MessageQueue) input.fail(error);
          respond(error.toStatus());
        });
  response.then(
    (message) => {
      deadline?.cancel();
      succeed(runtime, context, respond, message);
    },
    (error: unknown) => {
      deadline?.cancel();
      fail(runtime, context, respond, error);
    },
  );
}

/** Calls a handler with a request that is checked. */
function handle(
  { handler }: MethodRuntime,
  context: CallContext,
  input: unknown,
  check: RequestCheck | undefined,
): unknown {
  if (check !== undefined) {
    const violations = check(input);
    if (violations !== undefined && violations.length > 0) {
      throw RpcError.invalidArgument(violations);
    }
  }
  context.handled = true;
  return handler(input, context);
}

function succeed(
  { boundary, live }: MethodRuntime,
  context: CallContext,
  respond: Respond,
  response: unknown,
): void {
  live.partDone();
  if (!context.answer()) return;
  if (context.refusal !== undefined) {
    respond(context.refusal.toStatus(context.trailerIfAny));
    return;
  }
  try {
    context.sendHeader();
    respond(null, response, context.trailerIfAny);
  } catch (error) {
    respond(boundary(error, context).toStatus());
  }
}

function fail(
  { boundary, live }: MethodRuntime,
  context: CallContext,
  respond: Respond,
  error: unknown,
): void {
  live.partDone();
  const status = boundary(context.refusal ?? error, context);
  if (context.answer()) respond(status.toStatus(context.trailerIfAny));
}

/** Whoever made it: a promise of another realm, such as Node's own in a test of jest's, is no `Promise` here. */
function isPromise(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof value.then === "function"
  );
}

/** Calls a handler that answers with many messages, and sends them as fast as the client takes them. */
async function answerStream(
  runtime: MethodRuntime,
  context: CallContext,
  call: WritableCall | DuplexCall,
  input: unknown,
  check: RequestCheck | undefined,
): Promise<void> {
  const { boundary, live } = runtime;
  const writer = new StreamWriter(call);
  const stream: LiveStream = {
    end: (error) => {
      if (!context.abort(error)) return;
      if (input instanceof MessageQueue) input.fail(error);
      call.emit("error", error.toStatus(context.trailerIfAny));
      writer.release();
    },
  };
  trackStream(live, call, stream);
  const timer = onDeadline(context, () => {
    if (context.policyDeadline !== undefined) {
      stream.end(new RpcError(Code.DEADLINE_EXCEEDED, "the deadline passed"));
      return;
    }
    context.over();
    if (input instanceof MessageQueue) input.fail(context.aborted);
    writer.release();
  });
  try {
    const admitted = runtime.admit?.(context);
    if (admitted !== undefined) {
      await admitted;
      if (context.aborted !== undefined) throw context.aborted;
    }
    const responses = handle(runtime, context, input, check);
    if (!isAsyncIterable(responses)) throw new TypeError("the handler returned no async iterable");
    for await (const response of responses) {
      if (context.aborted !== undefined) break;
      context.sendHeader();
      if (!writer.write(response)) await writer.writable();
      if (context.aborted !== undefined) break;
    }
    if (context.refusal !== undefined) throw context.refusal;
    if (context.answer()) {
      context.sendHeader();
      call.end(context.trailerIfAny);
    }
  } catch (error) {
    const status = boundary(context.refusal ?? error, context);
    if (context.answer()) call.emit("error", status.toStatus(context.trailerIfAny));
  } finally {
    clearTimeout(timer);
    live.partDone();
  }
}

/**
 * At the deadline grpc-js sends the status behind the answers that the client has not read yet, and says
 * that the call is over once that has left: of a client that stops reading, a handler would never hear.
 * The timer does not keep the process, so that a handler that never ends does not, either.
 */
function onDeadline(context: CallContext, expire: () => void): NodeJS.Timeout | undefined {
  const { deadline } = context;
  // Where it has passed already, Node would warn of a negative time.
  return deadline && setTimeout(expire, Math.max(0, deadline.getTime() - Date.now())).unref();
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

function trackStream(live: LiveCalls, call: SurfaceCall, stream: LiveStream): void {
  live.addStream(stream);
  call.once("cancelled", () => {
    live.removeStream(stream);
  });
}
