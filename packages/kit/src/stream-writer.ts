/** The part of Node's writable streams that answers are written by. */
interface OutgoingMessages {
  write(message: unknown): boolean;
  on(event: "drain", listener: () => void): unknown;
  once(event: "cancelled", listener: () => void): unknown;
}

/** Writes messages and knows when the connection takes more. */
export class StreamWriter {
  readonly #call: OutgoingMessages;
  #waiting: (() => void) | undefined;

  constructor(call: OutgoingMessages) {
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
