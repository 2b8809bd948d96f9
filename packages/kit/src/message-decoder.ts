import type { OpenCall } from "./open-call.ts";

/** How many bytes are before each message: whether it is compressed, and how many it has. */
const prefixBytes = 5;

/** How many bytes each message takes besides its own, and how many are too few to be counted. */
const messageOverhead = 256;
const fewMessages = 64;

const nothing: Buffer = Buffer.alloc(0);

/** Why bytes cannot be taken for messages. */
export type Refused = "TOO_LARGE" | "TOO_MANY_WAIT" | "NO_ENCODING" | "SECOND";

/** What a decoder is for. */
export interface MessageDecoderOptions {
  readonly call: Pick<OpenCall, "hold" | "waitForMore" | "requestIsThere">;
  /** How many bytes a message may have. */
  readonly maxBytes: number;
  /** Whether the call says how its compressed messages are compressed. */
  readonly hasEncoding: boolean;
  /** Whether the call takes any number of messages, and not one. */
  readonly isStream: boolean;
  /** Ends the call. */
  readonly refuse: (why: Refused, bytes: number) => void;
}

/**
 * Takes the messages out of a stream's bytes, in place of grpc-js's own decoder: by the limit of the method, with what
 * has come in part counted, and without a copy of what came in one piece.
 */
export class MessageDecoder {
  readonly #options: MessageDecoderOptions;
  /** What has come in part, at its beginning. */
  #buffer = nothing;
  #length = 0;
  /** What the messages take that were returned last. */
  #waiting = 0;
  #hasMessage = false;
  #isRefused = false;

  constructor(options: MessageDecoderOptions) {
    this.#options = options;
  }

  /** Takes the next bytes; returns the messages that are complete with them, each with its prefix. */
  write(data: Buffer): Buffer[] {
    if (this.#isRefused) return [];
    const messages = this.#take(data);
    const { isStream, call } = this.#options;
    if (messages.length === 0) return messages;
    if (!isStream) {
      if (messages.length > 1 || this.#hasMessage) {
        this.#refuse("SECOND", 0);
        return [];
      }
      this.#hasMessage = true;
      return messages;
    }
    if (this.#length === 0) call.requestIsThere();
    // They are asked for one by one, and no more are taken until all of these are.
    const waiting = messages.length > fewMessages ? messages.length * messageOverhead : 0;
    if (waiting > 0 || this.#waiting > 0) {
      this.#waiting = waiting;
      if (!call.hold(waiting + this.#buffer.length)) this.#refuse("TOO_MANY_WAIT", waiting);
    }
    return this.#isRefused ? [] : messages;
  }

  #take(data: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    let rest = this.#length > 0 ? this.#continue(data, messages) : data;
    while (rest.length >= prefixBytes && !this.#isRefused) {
      const needed = this.#sizeOf(rest);
      if (this.#isRefused || rest.length < needed) break;
      messages.push(rest.length === needed ? rest : rest.subarray(0, needed));
      rest = rest.subarray(needed);
    }
    if (rest.length > 0 && !this.#isRefused) this.#keep(rest);
    return messages;
  }

  /** Adds to what has come in part, up to the end of its message; returns what is behind that. */
  #continue(data: Buffer, messages: Buffer[]): Buffer {
    let rest = data;
    if (this.#length < prefixBytes) {
      const missing = Math.min(prefixBytes - this.#length, rest.length);
      this.#keep(rest.subarray(0, missing));
      rest = rest.subarray(missing);
      if (this.#length < prefixBytes) return nothing;
    }
    const missing = this.#sizeOf(this.#buffer) - this.#length;
    if (this.#isRefused || rest.length < missing) {
      if (rest.length > 0 && !this.#isRefused) this.#keep(rest);
      return nothing;
    }
    this.#keep(rest.subarray(0, missing));
    messages.push(this.#buffer.subarray(0, this.#length));
    this.#buffer = nothing;
    this.#length = 0;
    const { call } = this.#options;
    call.hold(0);
    call.requestIsThere();
    return rest.subarray(missing);
  }

  /** Keeps part of a message: in a buffer that grows, as thousands of small parts would take many times their bytes. */
  #keep(part: Buffer): void {
    const { call } = this.#options;
    const length = this.#length + part.length;
    if (length > this.#buffer.length) {
      const bigger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#buffer.length));
      this.#buffer.copy(bigger, 0, 0, this.#length);
      this.#buffer = bigger;
    }
    part.copy(this.#buffer, this.#length);
    this.#length = length;
    call.waitForMore();
    if (!call.hold(this.#buffer.length)) this.#refuse("TOO_MANY_WAIT", length);
  }

  /** How many bytes the message that begins there has, with its prefix. */
  #sizeOf(data: Buffer): number {
    const bytes = data.readUInt32BE(1);
    const { maxBytes, hasEncoding } = this.#options;
    if (bytes > maxBytes) this.#refuse("TOO_LARGE", bytes);
    else if (data[0] !== 0 && !hasEncoding) this.#refuse("NO_ENCODING", bytes);
    return bytes + prefixBytes;
  }

  #refuse(why: Refused, bytes: number): void {
    if (this.#isRefused) return;
    this.#isRefused = true;
    this.#buffer = nothing;
    this.#length = 0;
    this.#options.call.hold(0);
    this.#options.refuse(why, bytes);
  }
}
