import type { ServerDuplexStream, ServerWritableStream } from "@grpc/grpc-js";
import type { CallContext } from "./call-context.ts";
import { Code } from "./code.ts";
import type { LiveStream } from "./live-calls.ts";
import { MessageQueue } from "./message-queue.ts";
import { handle, type MethodRuntime } from "./method-runtime.ts";
import { RpcError } from "./rpc-error.ts";
import { StreamWriter } from "./stream-writer.ts";

type WritableCall = ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>;

/** Calls a handler that answers with many messages, and sends them as fast as the client takes them. */
export async function answerStream(
  runtime: MethodRuntime,
  context: CallContext,
  call: WritableCall,
  input: MessageQueue<unknown> | Uint8Array,
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
  live.addStream(stream, call);
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
    const responses = handle(runtime, context, input);
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
    context.open?.handlerSettled(true);
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
