import { Code } from "./code.ts";
import { framedEncoderOf, MessageTooLargeError, type MessageType } from "./definition.ts";
import { Encoded } from "./encoded.ts";
import { FrameWriter } from "./frame-writer.ts";
import type { Logger } from "./logger.ts";
import { RpcError } from "./rpc-error.ts";

/** An answer cannot be sent: what its caller gets instead. */
export class AnswerError extends Error {
  readonly status: RpcError;

  constructor(status: RpcError) {
    super(status.message, { cause: status });
    this.status = status;
  }
}

/** What answers are encoded by. */
export interface AnswerEncoderOptions {
  /** The method's path, for the log. */
  readonly path: string;
  readonly type: MessageType<unknown>;
  /** How many bytes an answer may have. */
  readonly maxBytes: number;
  readonly logger: Logger;
}

/** Turns the answers of a method into bytes as they are sent, each with the prefix that says how long it is. */
export class AnswerEncoder {
  readonly #options: AnswerEncoderOptions;
  readonly #encode: (message: unknown) => Buffer;

  constructor(options: AnswerEncoderOptions) {
    this.#options = options;
    this.#encode = framedEncoderOf(options.type, options.maxBytes);
  }

  /** Encodes the answer of a call that has one. Throws an {@link AnswerError}. */
  encode(message: unknown): Buffer {
    if (message instanceof Encoded) return this.#checked(message);
    try {
      return this.#encode(message);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** Collects the answers of a call that has many. */
  createWriter(): FrameWriter<unknown> {
    return new FrameWriter(this.#options.type, this.#options.maxBytes);
  }

  /** Adds an answer to those that were collected. Throws an {@link AnswerError}. */
  add(writer: FrameWriter<unknown>, message: unknown): void {
    if (message instanceof Encoded) {
      writer.addFrame(this.#checked(message));
      return;
    }
    try {
      writer.add(message);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #checked({ frame, bytes }: Encoded<unknown>): Buffer {
    if (bytes > this.#options.maxBytes) throw this.#tooLarge(bytes);
    return frame;
  }

  #failure(error: unknown): AnswerError {
    if (error instanceof MessageTooLargeError) return this.#tooLarge(error.bytes);
    const { path, logger } = this.#options;
    logger.error({ path, err: error }, "the handler's answer cannot be encoded");
    return new AnswerError(new RpcError(Code.INTERNAL, "the answer cannot be encoded"));
  }

  #tooLarge(bytes: number): AnswerError {
    const text = `the answer has ${bytes} bytes; the server sends at most ${this.#options.maxBytes}`;
    return new AnswerError(new RpcError(Code.RESOURCE_EXHAUSTED, text));
  }
}
