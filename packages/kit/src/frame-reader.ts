/** How many bytes are before each message: whether it is compressed, and how many bytes it has. */
export const prefixBytes = 5;

const nothing: Buffer = Buffer.alloc(0);

/** A message that has more bytes than are accepted. */
export class FrameTooLarge extends Error {
  readonly bytes: number;

  constructor(bytes: number, maxBytes: number) {
    super(`Received message larger than max (${bytes} vs ${maxBytes})`);
    this.bytes = bytes;
  }
}

/**
 * Finds the messages in the bytes of a stream, one at a time
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message"). What has come in one
 * piece is not copied, and costs no object.
 */
export class FrameReader {
  /** What the message is in that was found last: from `start` to `end`. */
  bytes: Buffer = nothing;
  start = 0;
  end = 0;
  /** Whether it is compressed. */
  isCompressed = false;
  readonly #maxBytes: number;
  #data = nothing;
  #at = 0;
  /** What has come of a message in part, from its prefix on. */
  #part = nothing;
  #length = 0;

  /** Accepts messages of that many bytes, of any number with -1. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes === -1 ? Infinity : maxBytes;
  }

  /** Whether there are bytes that nobody has looked at. */
  get hasMore(): boolean {
    return this.#at < this.#data.length;
  }

  /** Whether a message has come in part. */
  get hasPart(): boolean {
    return this.#length > 0;
  }

  /** Adds the bytes that come next. */
  push(data: Buffer): void {
    this.#data = this.hasMore ? Buffer.concat([this.#data.subarray(this.#at), data]) : data;
    this.#at = 0;
  }

  /** Finds the next message; false where not all of it is there. Throws a {@link FrameTooLarge}. */
  next(): boolean {
    if (this.#length > 0) return this.#complete();
    const data = this.#data;
    const at = this.#at;
    const left = data.length - at;
    if (left >= prefixBytes) {
      const end = at + this.#sizeAt(data, at);
      if (end <= data.length) {
        this.#at = end;
        this.#found(data, at, end);
        return true;
      }
    }
    if (left > 0) this.#keep(left);
    return false;
  }

  /** The message that was found last. */
  get message(): Buffer {
    return this.bytes.subarray(this.start, this.end);
  }

  /** Looks at the prefix of a message. Throws where it is not accepted. */
  protected check(bytes: number, _isCompressed: boolean): void {
    if (bytes > this.#maxBytes) throw new FrameTooLarge(bytes, this.#maxBytes);
  }

  /** Told of how many bytes of memory a message takes that has come in part, each time it has. */
  protected keeps(_bytes: number): void {
    // For those who count.
  }

  /** Told that what had come in part is whole, and kept no more. */
  protected isWhole(): void {
    // For those who count.
  }

  #found(bytes: Buffer, at: number, end: number): void {
    this.bytes = bytes;
    this.start = at + prefixBytes;
    this.end = end;
    this.isCompressed = bytes[at] !== 0;
  }

  #complete(): boolean {
    if (this.#length < prefixBytes) {
      this.#keep(prefixBytes - this.#length);
      if (this.#length < prefixBytes) return false;
    }
    const size = this.#sizeAt(this.#part, 0);
    this.#keep(size - this.#length);
    if (this.#length < size) return false;
    this.#found(this.#part, 0, size);
    this.#part = nothing;
    this.#length = 0;
    this.isWhole();
    return true;
  }

  /**
   * Moves bytes to the message in part: into a buffer that grows, as a peer may promise more than it sends, and
   * thousands of small parts would take many times their bytes.
   */
  #keep(wanted: number): void {
    const end = Math.min(this.#at + wanted, this.#data.length);
    const bytes = end - this.#at;
    if (bytes === 0) return;
    const length = this.#length + bytes;
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
    this.keeps(this.#part.length);
  }

  /** How many bytes the message has that begins there, with its prefix. */
  #sizeAt(data: Buffer, at: number): number {
    const bytes = data.readUInt32BE(at + 1);
    this.check(bytes, data[at] !== 0);
    return prefixBytes + bytes;
  }
}
