import type { CallContext } from "./call-context.ts";
import { Code } from "./code.ts";
import { MessageQueue } from "./message-queue.ts";
import { RpcError } from "./rpc-error.ts";

/** The part of Node's readable streams that requests are read by. */
interface IncomingMessages {
  on(event: "data", listener: (message: unknown) => void): unknown;
  once(event: "end" | "cancelled", listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** The requests of a call as an iterable, with no more read than the handler keeps up with. */
export function readRequests(call: IncomingMessages, context: CallContext): MessageQueue<unknown> {
  const queue = new MessageQueue<unknown>({
    resume: () => call.resume(),
    stop: () => call.pause(),
  });
  call.on("data", (message: unknown) => {
    if (!queue.push(message)) call.pause();
  });
  call.once("end", () => {
    // Where the client resets the stream or the connection breaks, Node ends the stream a moment before
    // it closes it, and grpc-js takes that for the client's end: half a batch would look complete.
    setImmediate(() => {
      queue.end();
    });
  });
  call.once("cancelled", () => {
    queue.fail(context.aborted ?? new RpcError(Code.CANCELLED, "the call is over"));
  });
  return queue;
}
