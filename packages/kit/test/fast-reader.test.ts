import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Decode, decoderOf, type MessageType } from "../src/definition.ts";
import { FastReader } from "../src/fast-reader.ts";
import { codecCases } from "./codec-messages.ts";
import { Everything, Node, Packed, Scalars, Unpacked } from "./gen/org/codec/v1/codec.ts";
import { differenceOf, outcomeOf } from "./outcome.ts";

/** The same bytes inside of more bytes, which belong to no message. */
function amidst(bytes: Uint8Array, filler: number): Buffer {
  const whole = Buffer.alloc(bytes.length + 40, filler);
  whole.set(bytes, placeAmidst);
  return whole;
}

const placeAmidst = 17;

/** What is decoded other than by ts-proto's own reader, or refused for another reason. */
function difference<T>(type: MessageType<T>, decode: Decode<T>, bytes: Uint8Array) {
  const expected = outcomeOf(() => type.decode(bytes));
  // Were it read past its end, it would be another message.
  const end = placeAmidst + bytes.length;
  const outcomes = [
    outcomeOf(() => decode(bytes)),
    outcomeOf(() => decode(amidst(bytes, 0x01).subarray(placeAmidst, end))),
    outcomeOf(() => decode(amidst(bytes, 0xff), placeAmidst, end)),
  ];
  return outcomes.map((outcome) => differenceOf(outcome, expected)).find((each) => each);
}

/** What can become of bytes on their way. */
interface Damage {
  readonly kind: "flip" | "cut" | "insert" | "remove" | "copy";
  readonly place: number;
  readonly value: number;
}

const damages: fc.Arbitrary<Damage> = fc.record({
  kind: fc.constantFrom("flip", "cut", "insert", "remove", "copy"),
  place: fc.nat(),
  value: fc.nat(255),
});

function damaged(bytes: Buffer, { kind, place, value }: Damage): Buffer {
  const at = place % (bytes.length + 1);
  const before = bytes.subarray(0, at);
  const after = bytes.subarray(at);
  switch (kind) {
    case "flip":
      return Buffer.concat([
        before,
        after.map((byte, index) => (index === 0 ? byte ^ (1 << (value & 7)) : byte)),
      ]);
    case "cut":
      return before;
    case "insert":
      return Buffer.concat([before, Buffer.of(value), after]);
    case "remove":
      return Buffer.concat([before, after.subarray(1 + (value & 7))]);
    case "copy":
      return Buffer.concat([before, bytes.subarray(0, value), after]);
  }
}

/** Fields that no message knows, groups in groups included, and such as are wrong. */
const { fields } = fc.letrec<{ fields: Buffer; field: Buffer }>((tie) => ({
  fields: fc.array(tie("field"), { maxLength: 4 }).map((each) => Buffer.concat(each)),
  field: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc
      .tuple(fc.nat(40), fc.nat(7), fc.uint8Array({ maxLength: 12 }))
      .map(([number, wireType, rest]) => Buffer.concat([tagOf(number, wireType), rest])),
    fc
      .tuple(fc.nat(40), fc.uint8Array())
      .map(([number, content]) =>
        Buffer.concat([tagOf(number, 2), new BinaryWriter().bytes(content).finish()]),
      ),
    fc
      .tuple(fc.nat(40), tie("fields"), fc.integer({ min: -1, max: 1 }))
      .map(([number, inner, wrong]) =>
        // Mostly with the end that it needs.
        Buffer.concat([
          tagOf(number + 1, 3),
          inner,
          tagOf(number + 1 + (inner.length % 3 === 0 ? wrong : 0), 4),
        ]),
      ),
  ),
}));

function tagOf(number: number, wireType: number): Uint8Array {
  return new BinaryWriter().uint32(((number << 3) | wireType) >>> 0).finish();
}

describe.each(codecCases)("$name", ({ type, messages }) => {
  const decode = decoderOf(type);

  test("is what ts-proto's own reader reads", () => {
    fc.assert(
      fc.property(messages, (message) => {
        expect(
          difference(type, decode, Buffer.from(type.encode(message).finish())),
        ).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  test("is read past unknown fields, groups too, or refused alike", () => {
    fc.assert(
      fc.property(fields, messages, fields, (before, message, after) => {
        expect(
          difference(type, decode, Buffer.concat([before, type.encode(message).finish(), after])),
        ).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  test("is read alike, or refused alike, where bytes are damaged", () => {
    fc.assert(
      fc.property(messages, fc.array(damages, { minLength: 1, maxLength: 4 }), (message, list) => {
        const bytes = list.reduce(damaged, Buffer.from(type.encode(message).finish()));
        expect(difference(type, decode, bytes)).toBeUndefined();
      }),
      { numRuns: 700 },
    );
  });

  test("is read alike, or refused alike, wherever it is cut off", () => {
    fc.assert(
      fc.property(messages, (message) => {
        const bytes = Buffer.from(type.encode(message).finish());
        const ends = Array.from({ length: Math.min(bytes.length, 60) }, (_, index) => index);
        for (const end of [...ends, ...ends.map((each) => bytes.length - each)]) {
          expect(difference(type, decode, bytes.subarray(0, end))).toBeUndefined();
        }
      }),
      { numRuns: 15 },
    );
  });

  test("is read alike, or refused alike, from any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(difference(type, decode, Buffer.from(bytes))).toBeUndefined();
        expect(difference(type, decode, bytes)).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });
});

/** Bytes in hexadecimal, in which a number after * repeats the byte before it. */
function hex(text: string): Buffer {
  const repeated = text.replaceAll(/(\w\w)\*(\d+)/g, (_, byte: string, count: string) =>
    byte.repeat(Number(count)),
  );
  return Buffer.from(repeated.replaceAll(" ", ""), "hex");
}

const groups = (depth: number): Buffer =>
  Buffer.concat([Buffer.alloc(depth, 0xbb), Buffer.alloc(depth, 0xbc)]);

const nodes = (depth: number): Buffer => {
  let bytes: Uint8Array = new Uint8Array();
  for (let each = 1; each < depth; each++) {
    bytes = new BinaryWriter().uint32(18).bytes(bytes).finish();
  }
  return Buffer.from(bytes);
};

const everyType = [Scalars, Packed, Unpacked, Node, Everything];

test.each<{ title: string; bytes: Buffer }>([
  { title: "nothing", bytes: hex("") },
  { title: "a tag of 0", bytes: hex("00 08 01") },
  { title: "field number 0", bytes: hex("02 00") },
  { title: "half a tag", bytes: hex("80") },
  { title: "a tag in too many bytes", bytes: hex("88 80*8 00 01") },
  { title: "a tag of more than 32 bits", bytes: hex("88 ff ff ff 1f 01") },
  { title: "a tag that does not end", bytes: hex("ff*10 01") },
  { title: "a tag that ends with the message", bytes: hex("ff*9") },
  { title: "an unknown varint of eleven bytes", bytes: hex("a0 06 ff*10 01 68 01") },
  { title: "an unknown varint of a hundred bytes", bytes: hex("a0 06 80*99 00 68 01") },
  { title: "an unknown varint that does not end", bytes: hex("a0 06 80*99") },
  { title: "an unknown field of 2 GiB", bytes: hex("a2 06 80*4 08") },
  { title: "wire type 6", bytes: hex("a6 06 00") },
  { title: "wire type 7", bytes: hex("a7 06 00") },
  { title: "the end of a group", bytes: hex("a4 06 68 01") },
  { title: "an empty group", bytes: hex("a3 06 a4 06 68 01") },
  { title: "a group with another's end", bytes: hex("a3 06 9c 06 68 01") },
  { title: "a group in a group", bytes: hex("a3 06 9b 06 08 01 9c 06 a4 06 68 01") },
  { title: "groups that end crosswise", bytes: hex("a3 06 9b 06 a4 06 9c 06") },
  { title: "a group without an end", bytes: hex("a3 06 08 01") },
  { title: "a group with wire type 6 in it", bytes: hex("a3 06 0e a4 06") },
  { title: "a group with field number 0 in it", bytes: hex("a3 06 00 00 a4 06") },
  {
    title: "a group with a tag of more than 32 bits in it",
    bytes: hex("a3 06 88 ff ff ff 1f 01 a4 06"),
  },
  { title: "a group with a tag of six bytes in it", bytes: hex("a3 06 88 80*4 00 01 a4 06") },
  { title: "99 groups in each other", bytes: groups(99) },
  { title: "100 groups in each other", bytes: groups(100) },
  { title: "101 groups in each other", bytes: groups(101) },
  { title: "10,000 groups in each other", bytes: groups(10_000) },
  { title: "a group that is a known field", bytes: hex("13 68 01 14 68 01") },
  { title: "99 messages in each other", bytes: nodes(99) },
  { title: "100 messages in each other", bytes: nodes(100) },
  { title: "101 messages in each other", bytes: nodes(101) },
  { title: "1,000 messages in each other", bytes: nodes(1_000) },
  { title: "a message that goes on behind its length", bytes: hex("12 01 0a 03 61 62 63") },
  { title: "a message longer than what holds it", bytes: hex("12 7f 0a 03 61 62 63") },
])("$title is read as ts-proto's own reader does, or refused alike", ({ bytes }) => {
  for (const type of everyType) {
    expect(difference(type, decoderOf<unknown>(type), bytes)).toBeUndefined();
  }
});

test.each([
  { title: "no value", value: "" },
  { title: "0", value: "00" },
  { title: "one byte", value: "01" },
  { title: "three bytes", value: "01 02 03" },
  { title: "seven bytes", value: "01*7" },
  { title: "nine bytes", value: "01*9" },
  { title: "as many as it says", value: "08 81 02 03 04 05 06 07 08" },
  { title: "0 in two bytes", value: "80 00" },
  { title: "1 in five bytes", value: "81 80*3 00" },
  { title: "33 bits", value: "ff*4 1f" },
  { title: "35 bits", value: "ff*4 7f" },
  { title: "1 in ten bytes", value: "81 80*8 00" },
  { title: "64 bits", value: "ff*9 01" },
  { title: "70 bits", value: "ff*9 7f" },
  { title: "eleven bytes of a number", value: "ff*10 01" },
  { title: "nine bytes of a longer number", value: "ff*9" },
  { title: "only bits of the high half", value: "80*5 01" },
  { title: "a length of 2 GiB", value: "80*4 08 00" },
  { title: "a length of 4 GiB", value: "ff*4 0f 00" },
  { title: "a packed number that does not end", value: "01 80" },
  { title: "a packed number that goes on behind it", value: "01 80 01" },
  { title: "packed numbers of odd sizes", value: "07 01*7" },
])("any field with $title is read as ts-proto's own reader does, or refused alike", ({ value }) => {
  for (const type of everyType) {
    const decode = decoderOf<unknown>(type);
    for (let number = 1; number <= 18; number++) {
      for (let wireType = 0; wireType < 8; wireType++) {
        expect(
          difference(type, decode, Buffer.concat([tagOf(number, wireType), hex(value)])),
        ).toBeUndefined();
      }
    }
  }
});

const texts: readonly { title: string; bytes: Buffer }[] = [
  { title: "a byte order mark", bytes: hex("ef bb bf 61") },
  { title: "NUL", bytes: hex("00 61 00") },
  { title: "DEL and the first beyond", bytes: hex("7f c2 80") },
  { title: "the last of two bytes", bytes: hex("df bf") },
  { title: "the last of three bytes", bytes: hex("ef bf bf") },
  { title: "the last of four bytes", bytes: hex("f4 8f bf bf") },
  { title: "a continuation alone", bytes: hex("80") },
  { title: "one byte too long", bytes: hex("c0 80 c1 bf e0 80 80") },
  { title: "half of a pair", bytes: hex("ed a0 80") },
  { title: "both halves of a pair", bytes: hex("ed a0 bd ed b8 80") },
  { title: "beyond Unicode", bytes: hex("f4 90 80 80 f5 80 80 80") },
  { title: "bytes that never occur", bytes: hex("fe ff") },
  { title: "an end in the middle", bytes: hex("61 e6 bc") },
  { title: "an end in the middle of four", bytes: hex("f0 9f 8e") },
  { title: "a start behind a start", bytes: hex("e6 e6 bc a2") },
  { title: "Latin-1", bytes: hex("e9 61 ff") },
];

test.each(texts)("a text with $title is the same", ({ bytes }) => {
  const decode = decoderOf(Node);
  // Texts of different lengths are read in different ways.
  for (const length of [0, 1, 5, 20, 28, 60, 500, 5_000]) {
    for (const padding of ["x", "é", "漢"]) {
      const text = Buffer.concat([Buffer.from(padding.repeat(length)), bytes]);
      expect(
        difference(
          Node,
          decode,
          Buffer.concat([Buffer.of(10), new BinaryWriter().bytes(text).finish()]),
        ),
      ).toBeUndefined();
    }
  }
});

test("a strict reader refuses the same texts", () => {
  for (const { bytes } of [...texts, { bytes: hex("61*100") }]) {
    const encoded = new BinaryWriter().bytes(bytes).finish();
    const expected = outcomeOf(() => new BinaryReader(encoded).string(true));
    const outcome = outcomeOf(() => new FastReader().open(encoded).string(true));
    expect(differenceOf(outcome, expected)).toBeUndefined();
  }
});

test("bytes are views of what was read, as they are with ts-proto's own reader", () => {
  for (const encoded of [hex("03 01 02 03"), new Uint8Array(hex("03 01 02 03"))]) {
    const expected = new BinaryReader(encoded).bytes();
    const bytes = new FastReader().open(encoded).bytes();
    expect(differenceOf(bytes, expected)).toBeUndefined();
    expect(bytes.buffer).toBe(encoded.buffer);
    expect(bytes.constructor).toBe(expected.constructor);
  }
});

test("what is skipped is returned, for those who keep unknown fields", () => {
  const encoded = hex("96 01 0d 01 02 03 04");
  const reader = new FastReader().open(encoded);
  expect([...reader.skip(WireType.Varint)]).toEqual([0x96, 0x01]);
  expect(reader.tag()).toEqual([1, WireType.Bit32]);
  expect([...reader.skip(WireType.Bit32, 1)]).toEqual([1, 2, 3, 4]);
  expect(reader.pos).toBe(encoded.length);
});

test("no method is left to ts-proto's own reader, which reads other bytes", () => {
  const names = Object.getOwnPropertyNames(BinaryReader.prototype).filter(
    // What only the others call.
    (name) => name !== "assertBounds",
  );
  for (const name of names) {
    expect([name, Object.hasOwn(FastReader.prototype, name)]).toEqual([name, true]);
  }
  expect(new FastReader().uint32).not.toBe(new BinaryReader(new Uint8Array()).uint32);
});

test("after a message that is refused the next one is right", () => {
  const decode = decoderOf(Node);
  const message = Node.fromPartial({ name: "n", next: { name: "next" } });
  const bytes = Buffer.from(Node.encode(message).finish());
  for (const [wrong, error] of [
    [bytes.subarray(0, -1), "premature EOF"],
    [nodes(200), "recursion limit"],
    [hex("ff*11"), "invalid varint"],
  ] as const) {
    expect(() => decode(wrong)).toThrow(error);
    expect(decode(bytes)).toEqual(message);
  }
});

test("a decoder that decodes other messages meanwhile reads on where it was", () => {
  const inner = Buffer.from(Node.encode(Node.fromPartial({ name: "inner" })).finish());
  const decodeInner = decoderOf(Node);
  const type: MessageType<string[]> = {
    encode: () => new BinaryWriter(),
    fromPartial: () => [],
    decode(input) {
      const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
      const names: string[] = [];
      while (reader.pos < reader.len) {
        reader.uint32();
        names.push(reader.string(), decodeInner(inner).name);
      }
      return names;
    },
  };
  const bytes = new BinaryWriter().uint32(10).string("a").uint32(10).string("b").finish();
  expect(decoderOf(type)(bytes)).toEqual(["a", "inner", "b", "inner"]);
});

test("a decoder from another copy of the library, which takes no reader, gets bytes", () => {
  const given: unknown[] = [];
  const type: MessageType<string> = {
    encode: () => new BinaryWriter(),
    fromPartial: () => "",
    decode(input) {
      given.push(input);
      if (!(input instanceof Uint8Array)) throw new TypeError("this is no bytes");
      return Buffer.from(input).toString();
    },
  };
  expect(decoderOf(type)(Buffer.from("as they are"))).toBe("as they are");
  expect(given.at(-1)).toEqual(Buffer.from("as they are"));
});
