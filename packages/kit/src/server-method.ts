import type {
  sendUnaryData,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedHandleCall,
} from "@grpc/grpc-js";
import { CallContext, type SurfaceCall } from "./call-context.ts";
import type { MethodKind } from "./definition.ts";
import type { ErrorBoundary } from "./error-boundary.ts";
import type { LiveCalls, LiveStream } from "./live-calls.ts";
import { MessageQueue } from "./message-queue.ts";
import type { RpcError } from "./rpc-error.ts";

/** A handler after its types were checked by `implement`: from here on, messages pass through unseen. */
export type UntypedHandler = (input: unknown, call: CallContext) => unknown;

/** What one method needs to answer its calls. Made once, when the server starts. */
export interface MethodRuntime {
  readonly path: string;
  readonly handler: UntypedHandler;
  readonly boundary: ErrorBoundary;
  readonly live: LiveCalls;
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
    const context = begin(runtime, call);
    answerOnce(runtime, context, respond, call.request);
  },

  clientStream: (runtime) => (call: ReadableCall, respond: Respond) => {
    const context = begin(runtime, call);
    const requests = readRequests(call, context);
    const stream: LiveStream = {
      end: (error) => {
        if (!context.abort(error)) return;
        requests.fail(error);
        respond(toServerError(error));
      },
    };
    trackStream(runtime.live, call, stream);
    answerOnce(runtime, context, respond, requests);
  },

  serverStream: (runtime) => (call: WritableCall) => {
    const context = begin(runtime, call);
    void answerStream(runtime, context, call, call.request);
  },

  bidi: (runtime) => (call: DuplexCall) => {
    const context = begin(runtime, call);
    void answerStream(runtime, context, call, readRequests(call, context));
  },
};

function begin({ path, live }: MethodRuntime, call: SurfaceCall): CallContext {
  const context = new CallContext(path, call);
  live.begin();
  call.once("cancelled", () => {
    context.over();
    live.partDone();
  });
  return context;
}

/** Calls a handler that answers with one message, and sends what it returns or throws. */
function answerOnce(
  { handler, boundary, live }: MethodRuntime,
  context: CallContext,
  respond: Respond,
  input: unknown,
): void {
  const succeed = (response: unknown): void => {
    live.partDone();
    if (!context.answer()) return;
    context.sendHeader();
    respond(null, response, context.trailerIfAny);
  };
  const fail = (error: unknown): void => {
    live.partDone();
    const status = boundary(error, context);
    if (context.answer()) respond(toServerError(status, context));
  };

  let response: unknown;
  try {
    response = handler(input, context);
  } catch (error) {
    fail(error);
    return;
  }
  // A handler that does not wait is answered in the same turn.
  if (response instanceof Promise) response.then(succeed, fail);
  else succeed(response);
}

/** Calls a handler that answers with many messages, and sends them as fast as the client takes them. */
async function answerStream(
  { handler, boundary, live }: MethodRuntime,
  context: CallContext,
  call: WritableCall | DuplexCall,
  input: unknown,
): Promise<void> {
  const writer = new StreamWriter(call);
  const stream: LiveStream = {
    end: (error) => {
      if (!context.abort(error)) return;
      if (input instanceof MessageQueue) input.fail(error);
      call.emit("error", toServerError(error, context));
      writer.release();
    },
  };
  trackStream(live, call, stream);
  try {
    const responses = handler(input, context) as AsyncIterable<unknown>;
    for await (const response of responses) {
      if (context.aborted !== undefined) break;
      context.sendHeader();
      if (!writer.write(response)) await writer.writable();
      if (context.aborted !== undefined) break;
    }
    if (context.answer()) {
      context.sendHeader();
      call.end(context.trailerIfAny);
    }
  } catch (error) {
    const status = boundary(error, context);
    if (context.answer()) call.emit("error", toServerError(status, context));
  } finally {
    live.partDone();
  }
}

function trackStream(live: LiveCalls, call: SurfaceCall, stream: LiveStream): void {
  live.addStream(stream);
  call.once("cancelled", () => {
    live.removeStream(stream);
  });
}

/** The part of Node's readable streams that requests are read by. */
interface IncomingMessages {
  on(event: "data", listener: (message: unknown) => void): unknown;
  once(event: "end" | "cancelled", listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** The requests of a call as an iterable, with no more read than the handler keeps up with. */
function readRequests(call: IncomingMessages, context: CallContext): MessageQueue<unknown> {
  const queue = new MessageQueue<unknown>({
    resume: () => call.resume(),
    stop: () => call.pause(),
  });
  call.on("data", (message: unknown) => {
    if (!queue.push(message)) call.pause();
  });
  call.once("end", () => {
    queue.end();
  });
  call.once("cancelled", () => {
    if (context.aborted !== undefined) queue.fail(context.aborted);
  });
  return queue;
}

/** Writes messages and knows when the connection takes more. */
class StreamWriter {
  readonly #call: WritableCall | DuplexCall;
  #waiting: (() => void) | undefined;

  constructor(call: WritableCall | DuplexCall) {
    this.#call = call;
    call.on("drain", () => {
      this.release();
    });
    // After a call's end grpc-js drops messages without a word, and `drain` never comes.
    call.once("cancelled", () => {
      this.release();
    });
  }

  write(message: unknown): boolean {
    return this.#call.write(message);
  }

  writable(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  release(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }
}

function toServerError(error: RpcError, context?: CallContext) {
  return {
    name: error.name,
    message: error.message,
    code: error.code,
    details: error.text,
    metadata: error.toMetadata(context?.trailerIfAny),
  };
}
