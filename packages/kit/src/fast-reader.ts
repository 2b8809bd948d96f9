import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { maxShortText, shortText } from "./short-text.ts";

const nothing = Buffer.alloc(0);

/** Joins 64 bits of two halves. */
const halves = new DataView(new ArrayBuffer(8));

/** By their numbers; there are no others. */
const wireTypes = [
  WireType.Varint,
  WireType.Bit64,
  WireType.LengthDelimited,
  WireType.StartGroup,
  WireType.EndGroup,
  WireType.Bit32,
] as const;

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads for ts-proto's generated code what the reader that it extends would read, and refuses what that
 * one refuses, with the same errors. One serves for all messages, one after the other: to make one takes as long
 * as to read a small message.
 */
export class FastReader extends BinaryReader {
  /** Where the message ends. */
  declare len: number;
  /** How deep the message is nested, as ts-proto's code counts it; it would add it to each reader. */
  __tsProtoDecodeDepth = 0;
  /** What is read, and the same as a Buffer. */
  #source: Uint8Array = nothing;
  #input: Buffer = nothing;
  #low = 0;
  #high = 0;

  /** A property, as in the class that this extends. Of more than 32 bits, it returns the lowest. */
  override uint32 = (): number => {
    const input = this.#input;
    const { len } = this;
    let at = this.pos;
    if (at < len) {
      const byte = input[at] ?? 0;
      if (byte < 0x80) {
        this.pos = at + 1;
        return byte;
      }
    }
    let result = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= len) throw endOfMessage();
      const byte = input[at++] ?? 0;
      if (shift < 32) result |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.pos = at;
        return result >>> 0;
      }
    }
    throw new Error("invalid varint");
  };

  constructor() {
    super(nothing);
  }

  /** Begins the message that is there from `start` to `end`. */
  open(bytes: Uint8Array, start = 0, end: number = bytes.length): this {
    this.#source = bytes;
    this.#input = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.len = end;
    this.pos = start;
    return this;
  }

  /** Lets go of the message. */
  close(): void {
    this.#source = nothing;
    this.#input = nothing;
  }

  override tag(): [fieldNo: number, wireType: WireType] {
    const start = this.pos;
    const tag = this.uint32();
    const bytes = this.pos - start;
    if (bytes > 5 || (bytes === 5 && (this.#input[this.pos - 1] ?? 0) > 0x0f)) {
      throw new Error("illegal tag: varint overflows uint32");
    }
    const fieldNo = tag >>> 3;
    const wireType = wireTypes[tag & 7];
    if (fieldNo <= 0 || wireType === undefined) {
      throw new Error(`illegal tag: field no ${fieldNo} wire type ${tag & 7}`);
    }
    return [fieldNo, wireType];
  }

  override skip(wireType: WireType, fieldNo?: number, recursionLimit = 100): Uint8Array {
    const start = this.pos;
    this.#pass(wireType, fieldNo, recursionLimit);
    return this.#source.subarray(start, this.pos);
  }

  #pass(wireType: WireType, fieldNo: number | undefined, recursionLimit: number): void {
    switch (wireType) {
      case WireType.Varint:
        while (this.#byte() > 0x7f);
        return;
      case WireType.Bit64:
        this.#advance(8);
        return;
      case WireType.LengthDelimited:
        this.#advance(this.uint32());
        return;
      case WireType.StartGroup:
        this.#passGroup(fieldNo, recursionLimit);
        return;
      case WireType.Bit32:
        this.#advance(4);
        return;
      default:
        throw new Error(`cant skip wire type ${wireType}`);
    }
  }

  #passGroup(fieldNo: number | undefined, recursionLimit: number): void {
    if (recursionLimit <= 0) throw new Error("maximum recursion depth reached");
    for (;;) {
      const [inner, wireType] = this.tag();
      if (wireType === WireType.EndGroup) {
        if (fieldNo !== undefined && inner !== fieldNo) throw new Error("invalid end group tag");
        return;
      }
      this.#pass(wireType, inner, recursionLimit - 1);
    }
  }

  override int32(): number {
    return this.uint32() | 0;
  }

  override sint32(): number {
    const value = this.uint32();
    return (value >>> 1) ^ -(value & 1);
  }

  override int64(): bigint {
    this.#varint64();
    return toInt64(this.#low, this.#high);
  }

  override uint64(): bigint {
    this.#varint64();
    return toUint64(this.#low, this.#high);
  }

  override sint64(): bigint {
    this.#varint64();
    const low = this.#low;
    const high = this.#high;
    const sign = -(low & 1);
    return toInt64(((low >>> 1) | (high << 31)) ^ sign, (high >>> 1) ^ sign);
  }

  override bool(): boolean {
    this.#varint64();
    return this.#low !== 0 || this.#high !== 0;
  }

  override fixed32(): number {
    return this.#input.readUInt32LE(this.#fixed(4));
  }

  override sfixed32(): number {
    return this.#input.readInt32LE(this.#fixed(4));
  }

  override fixed64(): bigint {
    const at = this.#fixed(8);
    return toUint64(this.#input.readInt32LE(at), this.#input.readInt32LE(at + 4));
  }

  override sfixed64(): bigint {
    const at = this.#fixed(8);
    return toInt64(this.#input.readInt32LE(at), this.#input.readInt32LE(at + 4));
  }

  override float(): number {
    return this.#input.readFloatLE(this.#fixed(4));
  }

  override double(): number {
    return this.#input.readDoubleLE(this.#fixed(8));
  }

  override bytes(): Uint8Array {
    const length = this.uint32();
    const start = this.#advance(length);
    return this.#source.subarray(start, start + length);
  }

  override string(strict?: boolean): string {
    const length = this.uint32();
    const start = this.#advance(length);
    const end = start + length;
    if (strict === true) return strictUtf8.decode(this.#source.subarray(start, end));
    if (length <= maxShortText) {
      const text = shortText(this.#input, start, length);
      if (text !== undefined) return text;
    }
    // As UTF-8, and without the search for an encoding by its name.
    return this.#input.toString(undefined, start, end);
  }

  /** Goes over a number of bytes. Returns where they begin. */
  #advance(bytes: number): number {
    const { pos } = this;
    if (bytes > this.len - pos) throw endOfMessage();
    this.pos = pos + bytes;
    return pos;
  }

  /** The same, for numbers of a fixed size, of which the other reader says something else. */
  #fixed(bytes: number): number {
    const { pos } = this;
    if (bytes > this.len - pos) throw outOfBounds();
    this.pos = pos + bytes;
    return pos;
  }

  #byte(): number {
    return this.#input[this.#advance(1)] ?? 0;
  }

  #varint64(): void {
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#low = low;
        this.#high = 0;
        return;
      }
    }
    let byte = this.#byte();
    this.#low = low | (byte << 28);
    let high = (byte & 0x7f) >> 4;
    for (let shift = 3; byte > 0x7f; shift += 7) {
      if (shift > 31) throw new Error("invalid varint");
      byte = this.#byte();
      high |= (byte & 0x7f) << shift;
    }
    this.#high = high;
  }
}

function endOfMessage(): RangeError {
  return new RangeError("premature EOF");
}

function outOfBounds(): RangeError {
  return new RangeError("Offset is outside the bounds of the DataView");
}

function toInt64(low: number, high: number): bigint {
  halves.setInt32(0, low, true);
  halves.setInt32(4, high, true);
  return halves.getBigInt64(0, true);
}

function toUint64(low: number, high: number): bigint {
  halves.setInt32(0, low, true);
  halves.setInt32(4, high, true);
  return halves.getBigUint64(0, true);
}
