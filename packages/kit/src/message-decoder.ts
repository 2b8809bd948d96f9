import { FrameReader, FrameTooLarge } from "./frame-reader.ts";
import type { OpenCall } from "./open-call.ts";

/** Why bytes cannot be taken for messages. */
export type Refused = "TOO_LARGE" | "TOO_MANY_WAIT" | "NO_ENCODING";

/** What a decoder is for. */
export interface MessageDecoderOptions {
  readonly call: Pick<OpenCall, "holdPart" | "waitForMore" | "requestIsThere">;
  /** How many bytes a message may have. */
  readonly maxBytes: number;
  /** Whether the call says how its compressed messages are compressed. */
  readonly hasEncoding: boolean;
  /** Ends the call. */
  readonly refuse: (why: Refused, bytes: number) => void;
}

class RefusedError extends Error {
  readonly why: Refused;
  readonly bytes: number;

  constructor(why: Refused, bytes: number) {
    super(why);
    this.why = why;
    this.bytes = bytes;
  }
}

/** Finds the requests of a call: by the limit of its method, and with what has come in part counted. */
export class MessageDecoder extends FrameReader {
  readonly #options: MessageDecoderOptions;
  #isRefused = false;

  constructor(options: MessageDecoderOptions) {
    super(options.maxBytes);
    this.#options = options;
  }

  /** Finds the next message; false where none is complete, or one was refused. */
  override next(): boolean {
    if (this.#isRefused) return false;
    try {
      return super.next();
    } catch (error) {
      this.#refuse(error);
      return false;
    }
  }

  protected override check(bytes: number, isCompressed: boolean): void {
    super.check(bytes, isCompressed);
    if (isCompressed && !this.#options.hasEncoding) throw new RefusedError("NO_ENCODING", bytes);
  }

  protected override keeps(bytes: number): void {
    const { call } = this.#options;
    call.waitForMore();
    if (!call.holdPart(bytes)) throw new RefusedError("TOO_MANY_WAIT", bytes);
  }

  protected override isWhole(): void {
    const { call } = this.#options;
    call.holdPart(0);
    call.requestIsThere();
  }

  #refuse(error: unknown): void {
    this.#isRefused = true;
    const { call, refuse } = this.#options;
    call.holdPart(0);
    if (error instanceof FrameTooLarge) refuse("TOO_LARGE", error.bytes);
    else if (error instanceof RefusedError) refuse(error.why, error.bytes);
    else throw error;
  }
}
