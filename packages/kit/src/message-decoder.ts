import type { OpenCall } from "./open-call.ts";

/** How many bytes are before each message: whether it is compressed, and how many it has. */
export const prefixBytes = 5;

const nothing: Buffer = Buffer.alloc(0);

/** Why bytes cannot be taken for messages. */
export type Refused = "TOO_LARGE" | "TOO_MANY_WAIT" | "NO_ENCODING";

/** What a decoder is for. */
export interface MessageDecoderOptions {
  readonly call: Pick<OpenCall, "hold" | "waitForMore" | "requestIsThere">;
  /** How many bytes a message may have. */
  readonly maxBytes: number;
  /** Whether the call says how its compressed messages are compressed. */
  readonly hasEncoding: boolean;
  /** Ends the call. */
  readonly refuse: (why: Refused, bytes: number) => void;
}

/**
 * Finds the messages in a stream's bytes, one after the other as they are asked for: by the limit of the method, with what
 * has come in part counted, and without a copy, or an object, for what came in one piece.
 */
export class MessageDecoder {
  /** What the message is in that was found last: from `start` to `end`. */
  bytes: Buffer = nothing;
  start = 0;
  end = 0;
  isCompressed = false;
  readonly #options: MessageDecoderOptions;
  /** What has come and was not looked at, from `#at`. */
  #chunk = nothing;
  #at = 0;
  /** What has come in part, at its beginning. */
  #part = nothing;
  #length = 0;
  #isRefused = false;

  constructor(options: MessageDecoderOptions) {
    this.#options = options;
  }

  /** Adds the next bytes. */
  add(data: Buffer): void {
    const rest = this.#chunk.subarray(this.#at);
    this.#chunk = rest.length === 0 ? data : Buffer.concat([rest, data]);
    this.#at = 0;
  }

  /** Finds the next message; false where none is complete. */
  next(): boolean {
    if (this.#isRefused) return false;
    if (this.#length > 0) return this.#complete();
    const chunk = this.#chunk;
    const at = this.#at;
    const left = chunk.length - at;
    if (left >= prefixBytes) {
      const end = at + this.#sizeAt(chunk, at);
      if (this.#isRefused) return false;
      if (end <= chunk.length) {
        this.#at = end;
        this.#found(chunk, at, end);
        return true;
      }
    }
    if (left > 0) this.#keep(left);
    return false;
  }

  #found(bytes: Buffer, at: number, end: number): void {
    this.bytes = bytes;
    this.start = at + prefixBytes;
    this.end = end;
    this.isCompressed = bytes[at] !== 0;
  }

  /** Adds to what has come in part, up to the end of its message. */
  #complete(): boolean {
    if (this.#length < prefixBytes) {
      this.#keep(prefixBytes - this.#length);
      if (this.#length < prefixBytes) return false;
    }
    const size = this.#sizeAt(this.#part, 0);
    if (this.#isRefused) return false;
    this.#keep(size - this.#length);
    if (this.#length < size || this.#isRefused) return false;
    this.#found(this.#part, 0, size);
    this.#part = nothing;
    this.#length = 0;
    const { call } = this.#options;
    call.hold(0);
    call.requestIsThere();
    return true;
  }

  /**
   * Keeps as many bytes as there are, at the most: in a buffer that grows, as thousands of small parts would take many
   * times their bytes.
   */
  #keep(most: number): void {
    const bytes = Math.min(most, this.#chunk.length - this.#at);
    if (bytes === 0) return;
    const length = this.#length + bytes;
    if (length > this.#part.length) {
      const bigger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#part.length));
      this.#part.copy(bigger, 0, 0, this.#length);
      this.#part = bigger;
    }
    this.#chunk.copy(this.#part, this.#length, this.#at, this.#at + bytes);
    this.#at += bytes;
    this.#length = length;
    if (this.#at === this.#chunk.length) this.#chunk = nothing;
    if (this.#chunk === nothing) this.#at = 0;
    const { call } = this.#options;
    call.waitForMore();
    if (!call.hold(this.#part.length)) this.#refuse("TOO_MANY_WAIT", length);
  }

  /** How many bytes the message that begins there has, with its prefix. */
  #sizeAt(data: Buffer, at: number): number {
    const bytes = data.readUInt32BE(at + 1);
    const { maxBytes, hasEncoding } = this.#options;
    if (bytes > maxBytes) this.#refuse("TOO_LARGE", bytes);
    else if (data[at] !== 0 && !hasEncoding) this.#refuse("NO_ENCODING", bytes);
    return bytes + prefixBytes;
  }

  #refuse(why: Refused, bytes: number): void {
    this.#isRefused = true;
    this.#chunk = nothing;
    this.#at = 0;
    this.#part = nothing;
    this.#length = 0;
    this.#options.call.hold(0);
    this.#options.refuse(why, bytes);
  }
}
