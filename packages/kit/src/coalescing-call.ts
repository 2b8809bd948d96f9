import { ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";

/** How many encoded bytes of one stream may wait for the connection before its writer does, too. */
const windowBytes = 64 * 1024;

/** How many messages may: small ones cost memory besides their bytes. */
const windowMessages = 256;

/** The size of the message that was encoded last; see {@link sized}. */
let lastEncodedBytes = 0;

/** Wraps an encoder so that its messages count by their size. */
export function sized(encode: (message: unknown) => Buffer): (message: unknown) => Buffer {
  return (message) => {
    const bytes = encode(message);
    lastEncodedBytes = bytes.byteLength;
    return bytes;
  };
}

/**
 * Lets the messages of a stream leave together. grpc-js waits for each to be flushed before it takes
 * the next, which makes a frame and a turn of the event loop out of every message. Here a message
 * counts as taken at once, as long as no more than a window of them is on its way.
 */
class CoalescingCall extends ServerInterceptingCall {
  #bytes = 0;
  #messages = 0;
  #held: (() => void) | undefined;

  override sendMessage(message: unknown, taken: () => void): void {
    // Encoded before `sendMessage` returns: there is nothing asynchronous on the way.
    lastEncodedBytes = 0;
    let bytes = 0;
    super.sendMessage(message, () => {
      this.#bytes -= bytes;
      this.#messages -= 1;
      if (this.#held !== undefined && !this.#isFull()) {
        const held = this.#held;
        this.#held = undefined;
        held();
      }
    });
    bytes = lastEncodedBytes;
    this.#bytes += bytes;
    this.#messages += 1;
    if (this.#isFull()) this.#held = taken;
    else taken();
  }

  #isFull(): boolean {
    return this.#bytes >= windowBytes || this.#messages >= windowMessages;
  }
}

/** Puts the coalescing on methods that answer with streams; other calls pass as they are. */
export const coalesceStreams: ServerInterceptor = (method, call) => {
  if (method.responseStream) return new CoalescingCall(call);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The type asks for a wrapped call, but grpc-js needs only what the call itself has; a wrapper would cost every unary call.
  return call as ServerInterceptingCall;
};
