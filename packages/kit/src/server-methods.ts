import type {
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedHandleCall,
} from "@grpc/grpc-js";
import { answerOnce, type Respond } from "./answer-once.ts";
import { answerStream } from "./answer-stream.ts";
import { CallContext, type SurfaceCall } from "./call-context.ts";
import { inScopeOf } from "./call-scope.ts";
import type { MethodKind } from "./definition.ts";
import type { LiveStream } from "./live-calls.ts";
import type { MethodRuntime } from "./method-runtime.ts";
import { readRequests, type StreamCheck } from "./read-requests.ts";

type UnaryCall = ServerUnaryCall<Uint8Array, unknown>;
type ReadableCall = ServerReadableStream<unknown, unknown>;
type WritableCall = ServerWritableStream<Uint8Array, unknown>;
type DuplexCall = ServerDuplexStream<unknown, unknown>;

/** Makes what grpc-js calls for each call of a method. */
export const serverMethods: Readonly<
  Record<MethodKind, (runtime: MethodRuntime) => UntypedHandleCall>
> = {
  unary: (runtime) => (call: UnaryCall, respond: Respond) => {
    if (isOver(call)) return;
    const context = new CallContext(runtime, call);
    context.open = runtime.calls.of(call);
    context.open?.handlerBegins();
    runtime.noteRetry?.(call.metadata);
    runtime.live.beginUnary();
    if (!runtime.turns.isOver()) {
      answerOnce(runtime, context, respond, call.request);
      return;
    }
    runtime.turns.later(() => {
      answerOnce(runtime, context, respond, call.request);
    });
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
    runtime.live.addStream(stream, call);
    inTurn(runtime, () => {
      answerOnce(runtime, context, respond, requests);
    });
  },

  serverStream: (runtime) => (call: WritableCall) => {
    const context = beginStream(runtime, call);
    inTurn(runtime, () => {
      void inScopeOf(context, () => answerStream(runtime, context, call, call.request));
    });
  },

  bidi: (runtime) => (call: DuplexCall) => {
    const context = beginStream(runtime, call);
    const requests = readRequests(call, context, streamCheckOf(runtime, "refuse"));
    inTurn(runtime, () => {
      void inScopeOf(context, () => answerStream(runtime, context, call, requests));
    });
  },
};

function inTurn({ turns }: MethodRuntime, begin: () => void): void {
  if (turns.isOver()) turns.later(begin);
  else begin();
}

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
  context.open = runtime.calls.of(call);
  context.open?.handlerBegins();
  runtime.noteRetry?.(call.metadata);
  live.beginStream();
  call.once("cancelled", () => {
    context.over();
    live.partDone();
  });
  return context;
}
