import { prefixBytes } from "./wire-call.ts";

const nothing: Buffer = Buffer.alloc(0);

/** A message that has more bytes than are accepted. */
export class FrameTooLarge extends Error {}

/**
 * Takes the messages out of the bytes of an answer, one at a time
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message"). What has come in one
 * piece is not copied.
 */
export class FrameReader {
  readonly #maxBytes: number;
  #data: Buffer = nothing;
  #at = 0;
  /** What has come of a message in part, from its prefix on. */
  #part: Buffer = nothing;
  #length = 0;
  /** Whether the message that was taken last is compressed. */
  isCompressed = false;

  /** Accepts messages of that many bytes, of any number with -1. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes === -1 ? Infinity : maxBytes;
  }

  /** Whether there are bytes that nobody has looked at. */
  get hasMore(): boolean {
    return this.#at < this.#data.length;
  }

  /** Adds the bytes that come next. */
  push(data: Buffer): void {
    this.#data = this.hasMore ? Buffer.concat([this.#data.subarray(this.#at), data]) : data;
    this.#at = 0;
  }

  /** The next message without its prefix; undefined until all of it is there. Throws a {@link FrameTooLarge}. */
  next(): Buffer | undefined {
    if (this.#length > 0) return this.#complete();
    const at = this.#at;
    const left = this.#data.length - at;
    if (left >= prefixBytes) {
      const end = at + prefixBytes + this.#sizeAt(this.#data, at);
      if (end <= this.#data.length) {
        this.isCompressed = this.#data[at] === 1;
        this.#at = end;
        return this.#data.subarray(at + prefixBytes, end);
      }
    }
    if (left > 0) this.#keep(left);
    return undefined;
  }

  #complete(): Buffer | undefined {
    if (this.#length < prefixBytes) {
      this.#keep(prefixBytes - this.#length);
      if (this.#length < prefixBytes) return undefined;
    }
    const end = prefixBytes + this.#sizeAt(this.#part, 0);
    this.#keep(end - this.#length);
    if (this.#length < end) return undefined;
    const message = this.#part.subarray(prefixBytes, end);
    this.isCompressed = this.#part[0] === 1;
    this.#part = nothing;
    this.#length = 0;
    return message;
  }

  /** Moves bytes to the message in part: into a buffer that grows, as a peer may promise more than it sends. */
  #keep(wanted: number): void {
    const end = Math.min(this.#at + wanted, this.#data.length);
    const length = this.#length + end - this.#at;
    if (length > this.#part.length) {
      const bigger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#part.length));
      this.#part.copy(bigger, 0, 0, this.#length);
      this.#part = bigger;
    }
    this.#data.copy(this.#part, this.#length, this.#at, end);
    this.#length = length;
    this.#at = end;
    if (!this.hasMore) {
      this.#data = nothing;
      this.#at = 0;
    }
  }

  #sizeAt(data: Buffer, at: number): number {
    const bytes = data.readUInt32BE(at + 1);
    if (bytes > this.#maxBytes) {
      throw new FrameTooLarge(`Received message larger than max (${bytes} vs ${this.#maxBytes})`);
    }
    return bytes;
  }
}
