import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { MessageDecoder, type Refused } from "../src/message-decoder.ts";

const maxBytes = 100;

/** What a decoder says of bytes that come in these pieces. */
function decode(pieces: readonly Buffer[], maxHeldBytes = Infinity) {
  let held = 0;
  const refused: { why: Refused; bytes: number }[] = [];
  const decoder = new MessageDecoder({
    call: {
      holdPart: (bytes) => {
        held = bytes;
        return bytes <= maxHeldBytes;
      },
      waitForMore: () => undefined,
      requestIsThere: () => undefined,
    },
    maxBytes,
    hasEncoding: false,
    refuse: (why, bytes) => void refused.push({ why, bytes }),
  });
  const messages: string[] = [];
  for (const piece of pieces) {
    decoder.push(piece);
    while (decoder.next()) messages.push(decoder.message.toString("hex"));
  }
  return { messages, refused, held };
}

function framed(message: Uint8Array, flag = 0): Buffer {
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

test("messages are the same wherever their bytes are cut", () => {
  const message = fc.uint8Array({ maxLength: maxBytes });
  fc.assert(
    fc.property(fc.array(message), fc.array(fc.nat()), (messages, places) => {
      const frames = messages.map((each) => framed(each));
      const expected = messages.map((each) => Buffer.from(each).toString("hex"));
      const { messages: decoded, refused, held } = decode(cut(Buffer.concat(frames), places));
      expect(decoded).toEqual(expected);
      expect(refused).toEqual([]);
      expect(held).toBe(0);
    }),
  );
});

test("any bytes are messages, part of one, or refused, wherever they are cut", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.array(fc.nat()), (bytes, places) => {
      const whole = decode([Buffer.from(bytes)]);
      const pieces = decode(cut(Buffer.from(bytes), places));
      expect(pieces.messages).toEqual(whole.messages);
      expect(pieces.refused).toEqual(whole.refused);
    }),
  );
});

const tooLarge = framed(new Uint8Array(maxBytes + 1));

test.each([
  { title: "in one piece", pieces: [tooLarge] },
  { title: "byte by byte", pieces: cut(tooLarge, Array.from(tooLarge.keys())) },
  { title: "of which only the length comes", pieces: [tooLarge.subarray(0, 5)] },
  { title: "behind others", pieces: [framed(new Uint8Array(3)), tooLarge, tooLarge] },
])("a message that is a byte too large is refused once: $title", ({ pieces }) => {
  const { refused, held } = decode(pieces);
  expect(refused).toEqual([{ why: "TOO_LARGE", bytes: maxBytes + 1 }]);
  expect(held).toBe(0);
});

test("the largest message is not", () => {
  const { messages, refused } = decode([framed(new Uint8Array(maxBytes))]);
  expect([messages.length, refused]).toEqual([1, []]);
});

test("a message that is compressed is refused where nobody says how", () => {
  expect(decode([framed(new Uint8Array(3), 1)]).refused).toEqual([
    { why: "NO_ENCODING", bytes: 3 },
  ]);
});

test("what comes byte by byte takes no more than twice its bytes", () => {
  const part = framed(new Uint8Array(maxBytes)).subarray(0, 60);
  const { held } = decode(cut(part, Array.from(part.keys())));
  expect(held).toBeGreaterThanOrEqual(60);
  expect(held).toBeLessThanOrEqual(120);
});

test("what has come in part is counted, and refused where it is too much", () => {
  const part = framed(new Uint8Array(maxBytes)).subarray(0, 60);
  expect(decode([part]).held).toBe(60);
  expect(decode([part], 59)).toMatchObject({
    refused: [{ why: "TOO_MANY_WAIT", bytes: 60 }],
    held: 0,
  });
});
