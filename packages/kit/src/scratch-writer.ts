import { BinaryWriter, type WireType } from "@bufbuild/protobuf/wire";
import { prefixBytes } from "./frame-reader.ts";

/**
 * How many bytes a writer asks for at once. What it hands out keeps the whole chunk alive, so this bounds
 * what a message of a few bytes holds in memory that waits for a slow reader: a quarter of what it would
 * with `Buffer.allocUnsafe`, which shares 64 KiB on Node 24. Messages behind each other in chunks take
 * half the time of exact copies; with larger chunks, small messages take no less.
 */
const chunkBytes = 16 * 1024;

/** How many writers are kept for the next messages: as many chunks. */
const maxIdleWriters = 16;

/** Up to which length texts are written by hand. */
const shortTextLength = 16;

const nothing = Buffer.alloc(0);
const nothingView = new DataView(nothing.buffer, nothing.byteOffset, 0);

/** Splits 64 bits in two halves. */
const halves = new DataView(new ArrayBuffer(8));

/**
 * Writes what ts-proto's generated code tells it to, in the same bytes as the writer that it extends:
 * into one large chunk, message behind message, where the other one has an array of its own for each.
 *
 * What it has no fast way for, values of other types and those that are refused, goes through the other
 * one, so that both say the same of them.
 */
export class ScratchWriter extends BinaryWriter {
  #chunk = nothing;
  #view = nothingView;
  /** Where begins what was not taken yet. */
  #start = 0;
  #at = 0;
  /** Where the lengths belong of the messages that are being written, counted from `#start`. */
  readonly #forks: number[] = [];

  /** How many bytes were written and not taken. */
  get length(): number {
    return this.#at - this.#start;
  }

  /** Leaves room for a frame's prefix. Returns where the frame begins. */
  openFrame(): number {
    this.#reserve(prefixBytes);
    const begin = this.#at - this.#start;
    this.#at += prefixBytes;
    return begin;
  }

  /** Writes the prefix of the frame that ends here. Returns how many bytes its message has. */
  closeFrame(begin: number): number {
    const at = this.#start + begin;
    const bytes = this.#at - at - prefixBytes;
    this.#chunk[at] = 0;
    this.#view.setUint32(at + 1, bytes);
    this.#dropForks();
    return bytes;
  }

  /** Forgets what was written since then, whatever it failed at. */
  rewind(begin: number): void {
    this.#at = this.#start + begin;
    this.#dropForks();
    if (this.#at === this.#start) this.#dropLarge();
  }

  /** Hands out what was written: nothing is written there again. */
  take(): Buffer {
    const taken = this.#chunk.subarray(this.#start, this.#at);
    this.#start = this.#at;
    this.#dropLarge();
    return taken;
  }

  /** Begins another chunk where so many bytes do not fit into the rest of this one. */
  expect(bytes: number): void {
    this.#reserve(bytes);
  }

  override finish(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#chunk.subarray(this.#start, this.#at));
    this.rewind(0);
    return bytes;
  }

  override fork(): this {
    this.#reserve(1);
    this.#forks.push(this.#at - this.#start);
    this.#at += 1;
    return this;
  }

  override join(): this {
    const fork = this.#forks.pop();
    if (fork === undefined) throw new Error("invalid state, fork stack empty");
    const length = this.length - fork - 1;
    if (length < 0x80) {
      this.#chunk[this.#start + fork] = length;
      return this;
    }
    const more = varintBytes(length) - 1;
    this.#reserve(more);
    const begin = this.#start + fork;
    this.#chunk.copyWithin(begin + 1 + more, begin + 1, this.#at);
    this.#at = begin;
    this.#varint32(length);
    this.#at += length;
    return this;
  }

  override tag(fieldNo: number, type: WireType): this {
    return this.uint32(((fieldNo << 3) | type) >>> 0);
  }

  override raw(chunk: Uint8Array): this {
    const { length } = chunk;
    // Of an ArrayBuffer, for example: no later message would be right.
    if (typeof length !== "number") throw new TypeError("these are no bytes");
    this.#reserve(length);
    this.#chunk.set(chunk, this.#at);
    this.#at += length;
    return this;
  }

  override uint32(value: number): this {
    // As most tags are.
    if (
      typeof value === "number" &&
      value >>> 0 === value &&
      value < 0x80 &&
      this.#at < this.#chunk.length
    ) {
      this.#chunk[this.#at++] = value;
      return this;
    }
    if (!isUint32(value)) return this.raw(new BinaryWriter().uint32(value).finish());
    this.#reserve(5);
    this.#varint32(value);
    return this;
  }

  override int32(value: number): this {
    if (!isInt32(value)) return this.raw(new BinaryWriter().int32(value).finish());
    this.#reserve(10);
    if (value < 0) this.#varint64(value, -1);
    else this.#varint32(value);
    return this;
  }

  override sint32(value: number): this {
    if (!isInt32(value)) return this.raw(new BinaryWriter().sint32(value).finish());
    this.#reserve(5);
    this.#varint32(((value << 1) ^ (value >> 31)) >>> 0);
    return this;
  }

  override bool(value: boolean): this {
    this.#reserve(1);
    this.#chunk[this.#at++] = value ? 1 : 0;
    return this;
  }

  override bytes(value: Uint8Array): this {
    this.uint32(value.byteLength);
    return this.raw(value);
  }

  override string(value: string): this {
    const text = typeof value === "string" ? value : String(value);
    return text.length <= shortTextLength ? this.#shortText(text) : this.#text(text);
  }

  /** What takes longer by a call to the engine than character by character. */
  #shortText(text: string): this {
    const { length } = text;
    this.#reserve(1 + length);
    const chunk = this.#chunk;
    const at = this.#at + 1;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) return this.#text(text);
      chunk[at + index] = code;
    }
    chunk[at - 1] = length;
    this.#at = at + length;
    return this;
  }

  #text(text: string): this {
    // How long it can become; how long it does become is only asked where that may not fit.
    if (this.#at + 5 + 3 * text.length > this.#chunk.length) {
      this.#reserve(5 + Buffer.byteLength(text));
    }
    const chunk = this.#chunk;
    const begin = this.#at;
    // Mostly, there are as many bytes as characters.
    const prefix = varintBytes(text.length);
    const length = chunk.write(text, begin + prefix);
    const more = varintBytes(length) - prefix;
    if (more > 0) {
      chunk.copyWithin(begin + prefix + more, begin + prefix, begin + prefix + length);
    }
    this.#varint32(length);
    this.#at += length;
    return this;
  }

  override float(value: number): this {
    if (!isFloat(value)) return this.raw(new BinaryWriter().float(value).finish());
    this.#reserve(4);
    this.#view.setFloat32(this.#at, value, true);
    this.#at += 4;
    return this;
  }

  override double(value: number): this {
    this.#reserve(8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
    return this;
  }

  override fixed32(value: number): this {
    if (!isUint32(value)) return this.raw(new BinaryWriter().fixed32(value).finish());
    this.#reserve(4);
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
    return this;
  }

  override sfixed32(value: number): this {
    if (!isInt32(value)) return this.raw(new BinaryWriter().sfixed32(value).finish());
    this.#reserve(4);
    this.#view.setInt32(this.#at, value, true);
    this.#at += 4;
    return this;
  }

  override fixed64(value: string | number | bigint): this {
    if (!isUint64(value)) return this.raw(new BinaryWriter().fixed64(value).finish());
    this.#reserve(8);
    this.#view.setBigUint64(this.#at, value, true);
    this.#at += 8;
    return this;
  }

  override sfixed64(value: string | number | bigint): this {
    if (!isInt64(value)) return this.raw(new BinaryWriter().sfixed64(value).finish());
    this.#reserve(8);
    this.#view.setBigInt64(this.#at, value, true);
    this.#at += 8;
    return this;
  }

  override int64(value: string | number | bigint): this {
    if (!isInt64(value)) return this.raw(new BinaryWriter().int64(value).finish());
    this.#reserve(10);
    halves.setBigInt64(0, value, true);
    this.#varint64(halves.getInt32(0, true), halves.getInt32(4, true));
    return this;
  }

  override uint64(value: string | number | bigint): this {
    if (!isUint64(value)) return this.raw(new BinaryWriter().uint64(value).finish());
    this.#reserve(10);
    halves.setBigUint64(0, value, true);
    this.#varint64(halves.getInt32(0, true), halves.getInt32(4, true));
    return this;
  }

  override sint64(value: string | number | bigint): this {
    if (!isInt64(value)) return this.raw(new BinaryWriter().sint64(value).finish());
    this.#reserve(10);
    halves.setBigInt64(0, value, true);
    const low = halves.getInt32(0, true);
    const high = halves.getInt32(4, true);
    const sign = high >> 31;
    this.#varint64((low << 1) ^ sign, ((high << 1) | (low >>> 31)) ^ sign);
    return this;
  }

  /** Writes a number of 32 bits that is not negative, where there is room. */
  #varint32(value: number): void {
    const chunk = this.#chunk;
    let at = this.#at;
    let rest = value;
    while (rest > 0x7f) {
      chunk[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    chunk[at++] = rest;
    this.#at = at;
  }

  /** Writes the two halves of a number of 64 bits, where there is room. */
  #varint64(low: number, high: number): void {
    const chunk = this.#chunk;
    let at = this.#at;
    let rest = low >>> 0;
    let above = high >>> 0;
    while (above > 0) {
      chunk[at++] = (rest & 0x7f) | 0x80;
      rest = ((rest >>> 7) | (above << 25)) >>> 0;
      above >>>= 7;
    }
    this.#at = at;
    this.#varint32(rest);
  }

  /** Makes sure that there is room. May move what was written. */
  #reserve(bytes: number): void {
    if (this.#at + bytes > this.#chunk.length) this.#grow(bytes);
  }

  #grow(bytes: number): void {
    const { length } = this;
    // Twice as many, so that a large message is not moved often.
    const size = Math.max(chunkBytes, 2 * length, length + bytes);
    const chunk = Buffer.allocUnsafeSlow(size);
    this.#chunk.copy(chunk, 0, this.#start, this.#at);
    this.#chunk = chunk;
    this.#view = new DataView(chunk.buffer, chunk.byteOffset, size);
    this.#start = 0;
    this.#at = length;
  }

  /** There are some after an encoder that threw. To set the length takes as long as to write a field. */
  #dropForks(): void {
    if (this.#forks.length > 0) this.#forks.length = 0;
  }

  /** Holds no memory for a message that was exceptionally large. */
  #dropLarge(): void {
    if (this.#chunk.length <= chunkBytes) return;
    this.#chunk = nothing;
    this.#view = nothingView;
    this.#start = 0;
    this.#at = 0;
  }
}

function isUint32(value: number): boolean {
  return typeof value === "number" && value >>> 0 === value;
}

function isInt32(value: number): boolean {
  return typeof value === "number" && (value | 0) === value;
}

/** Whether it does not become infinite by being rounded. */
function isFloat(value: number): boolean {
  return (
    typeof value === "number" && (Number.isFinite(Math.fround(value)) || !Number.isFinite(value))
  );
}

function isInt64(value: unknown): value is bigint {
  return typeof value === "bigint" && BigInt.asIntN(64, value) === value;
}

function isUint64(value: unknown): value is bigint {
  return typeof value === "bigint" && BigInt.asUintN(64, value) === value;
}

function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}

const idle: ScratchWriter[] = [];

/** Lends a writer with nothing in it. What encodes meanwhile, in a getter say, gets another one. */
export function borrowWriter(): ScratchWriter {
  return idle.pop() ?? new ScratchWriter();
}

/** Takes a writer back, with nothing in it. */
export function returnWriter(writer: ScratchWriter): void {
  if (idle.length < maxIdleWriters) idle.push(writer);
}
