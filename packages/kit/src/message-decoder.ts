import type { OpenCall } from "./open-call.ts";

/** How many bytes are before each message: whether it is compressed, and how many it has. */
const prefixBytes = 5;

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
 * Takes the messages out of a stream's bytes, in place of grpc-js's own decoder: by the limit of the method, with what
 * has come in part counted, and without a copy of what came in one piece.
 */
export class MessageDecoder {
  readonly #options: MessageDecoderOptions;
  #parts: Buffer[] = [];
  #length = 0;
  /** How many bytes the message that comes has, with its prefix; 0 before that is known. */
  #needed = 0;
  #isRefused = false;

  constructor(options: MessageDecoderOptions) {
    this.#options = options;
  }

  /** Whether a message has come in part. */
  get isPartial(): boolean {
    return this.#length > 0;
  }

  /** Takes the next bytes; returns the messages that are complete with them, each with its prefix. */
  write(data: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    if (this.#isRefused) return messages;
    let rest = data;
    if (this.#length > 0) rest = this.#continue(data, messages);
    while (rest.length >= prefixBytes) {
      const needed = this.#sizeOf(rest);
      if (needed === 0) return messages;
      if (rest.length < needed) break;
      messages.push(rest.length === needed ? rest : rest.subarray(0, needed));
      rest = rest.subarray(needed);
    }
    if (rest.length > 0) this.#keep(rest);
    return messages;
  }

  /** Adds to what has come in part; returns what is behind that. */
  #continue(data: Buffer, messages: Buffer[]): Buffer {
    let rest = data;
    if (this.#needed === 0) {
      const missing = Math.min(prefixBytes - this.#length, rest.length);
      this.#parts = [Buffer.concat([...this.#parts, rest.subarray(0, missing)])];
      this.#length += missing;
      rest = rest.subarray(missing);
      const [prefix] = this.#parts;
      if (this.#length < prefixBytes || prefix === undefined) {
        this.#options.call.waitForMore();
        return rest;
      }
      this.#needed = this.#sizeOf(prefix);
      if (this.#needed === 0) return Buffer.alloc(0);
    }
    const missing = this.#needed - this.#length;
    if (rest.length < missing) {
      if (rest.length > 0) this.#keep(rest);
      return Buffer.alloc(0);
    }
    messages.push(Buffer.concat([...this.#parts, rest.subarray(0, missing)], this.#needed));
    this.#parts = [];
    this.#length = 0;
    this.#needed = 0;
    const { call } = this.#options;
    call.hold(0);
    call.requestIsThere();
    return rest.subarray(missing);
  }

  #keep(part: Buffer): void {
    if (this.#length === 0 && part.length >= prefixBytes) this.#needed = this.#sizeOf(part);
    this.#parts.push(part);
    this.#length += part.length;
    const { call } = this.#options;
    call.waitForMore();
    if (!call.hold(this.#length)) this.#refuse("TOO_MANY_WAIT", this.#length);
  }

  /** How many bytes the message that begins there has, with its prefix; 0 where it is refused. */
  #sizeOf(data: Buffer): number {
    const bytes = data.readUInt32BE(1);
    const { maxBytes, hasEncoding } = this.#options;
    if (bytes > maxBytes) this.#refuse("TOO_LARGE", bytes);
    else if (data[0] !== 0 && !hasEncoding) this.#refuse("NO_ENCODING", bytes);
    return this.#isRefused ? 0 : bytes + prefixBytes;
  }

  #refuse(why: Refused, bytes: number): void {
    this.#isRefused = true;
    this.#parts = [];
    this.#length = 0;
    this.#options.call.hold(0);
    this.#options.refuse(why, bytes);
  }
}
