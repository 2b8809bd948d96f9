import type { Channel } from "@grpc/grpc-js";

/** The messages to send on a stream. */
export type Inputs = AsyncIterable<unknown> | Iterable<unknown>;

type InputIterator = AsyncIterator<unknown, unknown> | Iterator<unknown, unknown>;

/** The requests of a call that has many of them, from where they come to the connection. */
export class RequestStream {
  readonly #call: ReturnType<Channel["createCall"]>;
  readonly #encode: (message: unknown) => Buffer;
  #inputs: InputIterator | undefined;
  #sent: (() => void) | undefined;
  #isStopped = false;

  constructor(call: ReturnType<Channel["createCall"]>, encode: (message: unknown) => Buffer) {
    this.#call = call;
    this.#encode = encode;
  }

  /** Sends all messages, no faster than the connection takes them. Rejects with what the source throws. */
  async send(inputs: Inputs): Promise<void> {
    const iterator =
      Symbol.asyncIterator in inputs ? inputs[Symbol.asyncIterator]() : inputs[Symbol.iterator]();
    this.#inputs = iterator;
    for (;;) {
      const next = iterator.next();
      const result = "then" in next ? await next : next;
      if (this.#isStopped) return;
      if (result.done === true) break;
      await this.#sendOne(this.#encode(result.value));
    }
    this.#inputs = undefined;
    this.#call.halfClose();
  }

  /** The call is over: whoever makes the messages can stop. */
  stop(): void {
    this.#isStopped = true;
    // grpc-js drops the callbacks of what it had not sent by then.
    this.#sent?.();
    void leave(this.#inputs);
  }

  /**
   * Resolves once the message is on its way. grpc-js has room for one at a time: it forgets the one
   * before while the connection is being made, and half-closes ahead of the ones behind.
   */
  #sendOne(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.#sent = resolve;
      this.#call.sendMessageWithContext({ callback: () => resolve() }, bytes);
    });
  }
}

/** Ends a source early. What it throws then comes too late for the call, which has its status. */
async function leave(inputs: InputIterator | undefined): Promise<void> {
  try {
    await inputs?.return?.();
  } catch {
    // Nobody is left to be told.
  }
}
