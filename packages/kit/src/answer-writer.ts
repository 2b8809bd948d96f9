import type { Metadata } from "@grpc/grpc-js";
import type { AnswerEncoder } from "./answer-encoder.ts";
import type { FrameWriter } from "./frame-writer.ts";
import type { ServerCall } from "./server-call.ts";

/** How many bytes of one stream may wait for the connection before its handler does, too. */
const windowBytes = 64 * 1024;

/** How many bytes are handed to the connection at once. */
const chunkBytes = 16 * 1024;

/**
 * Sends the answers of a stream. What a handler answers without waiting leaves together: a frame and a turn of the event
 * loop for each message would cost more than all else that is done for it.
 */
export class AnswerWriter {
  readonly #call: ServerCall;
  readonly #encoder: AnswerEncoder;
  readonly #frames: FrameWriter<unknown>;
  /** How many bytes the connection has not sent yet. */
  #sending = 0;
  #isScheduled = false;
  #waiting: (() => void) | undefined;

  constructor(call: ServerCall, encoder: AnswerEncoder) {
    this.#call = call;
    this.#encoder = encoder;
    this.#frames = encoder.createWriter();
  }

  /**
   * Sends a message. False where the next one has to wait until that is possible. Throws an `AnswerError` where it cannot
   * be sent.
   */
  write(message: unknown): boolean {
    this.#encoder.add(this.#frames, message);
    if (this.#frames.bytes >= chunkBytes) {
      this.#flush();
    } else if (!this.#isScheduled) {
      this.#isScheduled = true;
      // Once the handler waits for something.
      process.nextTick(this.#flushNow);
    }
    return this.#sending + this.#frames.bytes < windowBytes;
  }

  /** Resolves once the next message can be sent, or nobody waits for it. */
  writable(): Promise<void> {
    if (this.#call.isOver) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting = resolve;
    return promise;
  }

  /** Sends what has not been sent yet, and OK. */
  end(trailer: Metadata | undefined): void {
    this.#call.end(this.take(), trailer);
  }

  /** What has not been sent yet. */
  take(): Buffer | undefined {
    return this.#frames.take();
  }

  /** The call is over: whoever waits goes on. */
  release(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }

  readonly #flushNow = (): void => {
    this.#isScheduled = false;
    // Otherwise it leaves with what comes until then: few large writes hold less memory than many small ones.
    if (this.#sending === 0) this.#flush();
  };

  #flush(): void {
    const bytes = this.take();
    if (bytes === undefined) return;
    const { length } = bytes;
    const isSent = this.#call.write(bytes, () => {
      this.#sending -= length;
      if (this.#sending === 0) this.#flush();
      if (this.#sending + this.#frames.bytes < windowBytes) this.release();
    });
    if (isSent) this.#sending += length;
  }
}
