import { AnswerWriter } from "./answer-writer.ts";
import type { CallContext } from "./call-context.ts";
import type { MessageQueue } from "./message-queue.ts";
import { handle, type MethodRuntime } from "./method-runtime.ts";
import type { ServerCall } from "./server-call.ts";
import { statusOfFailure } from "./status-of-failure.ts";

/** Calls a handler that answers with many messages, and sends them as fast as the client takes them. */
export async function answerStream(
  runtime: MethodRuntime,
  context: CallContext,
  call: ServerCall,
  input: MessageQueue<unknown> | Uint8Array,
): Promise<void> {
  const { boundary, live } = runtime;
  const writer = new AnswerWriter(call, runtime.answers);
  call.answers = writer;
  try {
    const admitted = runtime.admit?.(context);
    if (admitted !== undefined) await admitted;
    // It may have waited for its turn as well.
    if (context.aborted !== undefined) throw context.aborted;
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
      writer.end(context.trailerIfAny);
    }
  } catch (error) {
    const status = statusOfFailure(boundary, context, context.refusal ?? error);
    if (context.answer()) call.fail(status, context.headerIfAny);
  } finally {
    call.open.handlerSettled(true);
    live.partDone();
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}
