/** A header, or one of the pseudo headers: name and value. */
export type Header = readonly [name: string, value: string];

/**
 * Writes headers as literals that are neither indexed nor compressed (RFC 7541, section 6.2.2): nothing depends on
 * what was sent before.
 */
export function encodeHeaders(headers: readonly Header[]): Buffer {
  return Buffer.concat(
    headers.flatMap(([name, value]) => [Buffer.from([0]), encodeText(name), encodeText(value)]),
  );
}

/**
 * Writes a header that is put into the table (RFC 7541, section 6.2.1). `lastHeader` stands for it from then on, as
 * long as no other is.
 */
export function encodeIndexedHeader([name, value]: Header): Buffer {
  return Buffer.concat([Buffer.from([0x40]), encodeText(name), encodeText(value)]);
}

/** The header that was put into the table last, in one byte. */
export const lastHeader = 0xbe;

function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  return Buffer.concat([encodeInteger(bytes.length, 7), bytes]);
}

function encodeInteger(value: number, prefixBits: number): Buffer {
  const most = 2 ** prefixBits - 1;
  if (value < most) return Buffer.from([value]);
  const bytes = [most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

/** Of the static table (RFC 7541, appendix A) what says how a call went. */
const staticStatuses: Readonly<Record<number, string>> = {
  8: "200",
  9: "204",
  10: "206",
  11: "304",
  12: "400",
  13: "404",
  14: "500",
};
const staticEntries = 61;

/** `grpc-status` in the code of appendix B. */
const grpcStatus = Buffer.from("9acac8b21234da8f", "hex");

/** What a header block says of how a call went. */
export interface Statuses {
  readonly http: string | undefined;
  readonly grpc: string | undefined;
}

interface Entry {
  readonly name: "http" | "grpc" | undefined;
  readonly value: string;
}

/**
 * Finds the statuses in what a server sends. All other headers are passed over, and the values that it looks for are
 * digits, which no encoder makes shorter with the Huffman code. So it needs no table for that. Entries are never
 * evicted: a server whose encoder is right never refers to them any more.
 */
export class StatusDecoder {
  readonly #entries: Entry[] = [];

  /** Reads the next header block of a connection. Throws a RangeError where that is cut short. */
  decode(block: Buffer): Statuses {
    const input = new BlockReader(block);
    const found: { http: string | undefined; grpc: string | undefined } = {
      http: undefined,
      grpc: undefined,
    };
    while (!input.isAtEnd) {
      const first = input.peek();
      if (first >= 0x20 && first < 0x40) {
        // The size of the table changes.
        input.integer(5);
        continue;
      }
      const entry = this.#next(input, first);
      if (entry.name !== undefined) found[entry.name] = entry.value;
    }
    return found;
  }

  #next(input: BlockReader, first: number): Entry {
    if (first >= 0x80) return this.#at(input.integer(7));
    const isIndexed = first >= 0x40;
    const index = input.integer(isIndexed ? 6 : 4);
    const name = index === 0 ? nameOf(input.text()) : this.#at(index).name;
    const entry = { name, value: input.text().toString("latin1") };
    if (isIndexed) this.#entries.unshift(entry);
    return entry;
  }

  #at(index: number): Entry {
    const value = staticStatuses[index];
    if (value !== undefined) return { name: "http", value };
    if (index <= staticEntries) return { name: undefined, value: "" };
    const entry = this.#entries[index - staticEntries - 1];
    if (entry === undefined) throw new RangeError(`there is no header ${index}`);
    return entry;
  }
}

function nameOf(bytes: Buffer): Entry["name"] {
  return bytes.equals(grpcStatus) || bytes.equals(Buffer.from("grpc-status")) ? "grpc" : undefined;
}

/** Reads what header blocks consist of (RFC 7541, section 5). */
class BlockReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  peek(): number {
    return this.#bytes.readUInt8(this.#at);
  }

  integer(prefixBits: number): number {
    const most = 2 ** prefixBits - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  text(): Buffer {
    const length = this.integer(7);
    if (this.#at + length > this.#bytes.length) throw new RangeError("a text is cut short");
    const text = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return text;
  }

  #byte(): number {
    const byte = this.#bytes.readUInt8(this.#at);
    this.#at += 1;
    return byte;
  }
}
