import type { WireCall } from "./wire-call.ts";

/** The messages to send on a stream. */
export type Inputs = AsyncIterable<unknown> | Iterable<unknown>;

type InputIterator = AsyncIterator<unknown, unknown> | Iterator<unknown, unknown>;

/** The requests of a call that has many of them, from where they come to the connection. */
export class RequestStream {
  readonly #call: WireCall;
  readonly #encode: (message: unknown) => Buffer;
  #inputs: InputIterator | undefined;
  #goOn: (() => void) | undefined;
  #isStopped = false;

  constructor(call: WireCall, encode: (message: unknown) => Buffer) {
    this.#call = call;
    this.#encode = encode;
  }

  /** Sends all messages, no faster than the connection takes them. Rejects with what the source throws. */
  async send(inputs: Inputs): Promise<void> {
    if (this.#isStopped) return;
    const iterator =
      Symbol.asyncIterator in inputs ? inputs[Symbol.asyncIterator]() : inputs[Symbol.iterator]();
    this.#inputs = iterator;
    for (;;) {
      const next = iterator.next();
      const result = "then" in next ? await next : next;
      if (this.#isStopped) return;
      if (result.done === true) break;
      if (!this.#call.send(this.#encode(result.value))) await this.#room();
    }
    this.#inputs = undefined;
    this.#call.end();
  }

  /** The connection has room again. */
  goOn(): void {
    this.#goOn?.();
    this.#goOn = undefined;
  }

  /** The call is over: whoever makes the messages can stop. */
  stop(): void {
    this.#isStopped = true;
    this.goOn();
    void leave(this.#inputs);
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isStopped) resolve();
      else this.#goOn = resolve;
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
