import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { FrameReader, FrameTooLarge } from "../src/frame-reader.ts";

const maxBytes = 100;

interface Taken {
  readonly isCompressed: boolean;
  readonly message: string;
}

/** All messages in bytes that come in these pieces; each is taken as soon as it is there. */
function read(pieces: readonly Buffer[]): Taken[] {
  const reader = new FrameReader(maxBytes);
  const taken: Taken[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    while (reader.next()) {
      taken.push({ isCompressed: reader.isCompressed, message: reader.message.toString("hex") });
    }
    expect(reader.hasMore).toBe(false);
  }
  return taken;
}

function nextOf(reader: FrameReader): Buffer | undefined {
  return reader.next() ? reader.message : undefined;
}

function framed(message: Uint8Array, flag: number): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flag);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** The same bytes, cut at any places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length];
  sorted.sort((a, b) => a - b);
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
}

const message = fc.record({
  bytes: fc.uint8Array({ maxLength: maxBytes }),
  flag: fc.constantFrom(0, 1),
});

test("messages are the same wherever their bytes are cut", () => {
  fc.assert(
    fc.property(fc.array(message), fc.array(fc.nat()), (messages, places) => {
      const frames = messages.map(({ bytes, flag }) => framed(bytes, flag));
      expect(read(cut(Buffer.concat(frames), places))).toEqual(
        messages.map(({ bytes, flag }) => ({
          isCompressed: flag === 1,
          message: Buffer.from(bytes).toString("hex"),
        })),
      );
    }),
  );
});

test("messages that are taken later are the same", () => {
  fc.assert(
    fc.property(fc.array(message), fc.array(fc.nat()), (messages, places) => {
      const frames = messages.map(({ bytes, flag }) => framed(bytes, flag));
      const reader = new FrameReader(maxBytes);
      for (const piece of cut(Buffer.concat(frames), places)) reader.push(piece);
      const taken = messages.map(() => nextOf(reader)?.toString("hex"));
      expect(taken).toEqual(messages.map(({ bytes }) => Buffer.from(bytes).toString("hex")));
      expect(reader.next()).toBe(false);
    }),
  );
});

test("a message stays as it is when more comes", () => {
  const reader = new FrameReader(maxBytes);
  const bytes = Buffer.concat([framed(Buffer.from("one"), 0), framed(Buffer.from("two"), 0)]);
  reader.push(bytes.subarray(0, 7));
  expect(reader.next()).toBe(false);
  reader.push(bytes.subarray(7));
  const one = nextOf(reader);
  const two = nextOf(reader);
  expect([one, two].map(String)).toEqual(["one", "two"]);
});

test("a message that is too large is refused by its prefix, wherever that is cut", () => {
  const prefix = framed(Buffer.alloc(maxBytes + 1), 0).subarray(0, 5);
  for (let place = 0; place <= prefix.length; place += 1) {
    expect(() => read(cut(prefix, [place]))).toThrow(new FrameTooLarge(101, 100));
  }
  expect(read([framed(Buffer.alloc(maxBytes), 0)])).toHaveLength(1);
});

test("what a peer only promises takes no memory", () => {
  const reader = new FrameReader(-1);
  const prefix = Buffer.alloc(6);
  prefix.writeUInt32BE(2 ** 32 - 1, 1);
  const { arrayBuffers } = process.memoryUsage();
  reader.push(prefix);
  expect(reader.next()).toBe(false);
  expect(process.memoryUsage().arrayBuffers - arrayBuffers).toBeLessThan(1_000_000);
});
