import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { encoderOf, framedEncoderOf, type MessageType } from "../src/definition.ts";
import { ScratchWriter } from "../src/scratch-writer.ts";
import { codecCases } from "./codec-messages.ts";
import { Node, Order, Packed, Scalars } from "./gen/org/codec/v1/codec.ts";
import { differenceOf, outcomeOf } from "./outcome.ts";

function stockBytes<T>(type: MessageType<T>, message: T): Buffer {
  return Buffer.from(type.encode(message).finish());
}

function withPrefix(bytes: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

describe.each(codecCases)("$name", ({ type, messages }) => {
  const encode = encoderOf(type);
  const encodeFramed = framedEncoderOf(type);

  test("is encoded to the bytes that ts-proto's own writer gives", () => {
    fc.assert(
      fc.property(messages, (message) => {
        const expected = stockBytes(type, message);
        expect(differenceOf(encode(message), expected)).toBeUndefined();
        expect(differenceOf(encodeFramed(message), withPrefix(expected))).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  test("is written over by no later message", () => {
    fc.assert(
      fc.property(fc.array(messages, { minLength: 2, maxLength: 20 }), (several) => {
        const encoded = several.map((message) => encode(message));
        const framed = several.map((message) => encodeFramed(message));
        for (const [index, message] of several.entries()) {
          const expected = stockBytes(type, message);
          expect(differenceOf(encoded[index], expected)).toBeUndefined();
          expect(differenceOf(framed[index], withPrefix(expected))).toBeUndefined();
        }
      }),
      { numRuns: 50 },
    );
  });
});

/** All of what can be told to write one value. */
const methods = [
  ...["uint32", "int32", "sint32", "fixed32", "sfixed32", "bool", "float", "double"],
  ...["uint64", "int64", "sint64", "fixed64", "sfixed64", "string", "bytes"],
];

const numbers = [
  ...[0, -0, 1, -1, 127, 128, 16_383, 16_384, 2 ** 21 - 1, 2 ** 21, 2 ** 28 - 1, 2 ** 28],
  ...[2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 31), -(2 ** 31) - 1, 2 ** 53, -(2 ** 53)],
  ...[0.5, -1.5, 1e39, -1e39, 3.4028235677973366e38, 3.4028235e38, NaN, Infinity, -Infinity, 1e300],
];

/** Values of the declared types and of others, as they come from code that is not type-checked. */
const values: readonly unknown[] = [
  ...numbers,
  ...numbers.map(String),
  ...numbers.filter((value) => Number.isInteger(value)).map(BigInt),
  ...[2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n, 2n ** 64n - 1n, 2n ** 64n],
  ...["", " 7 ", "0x10", "1e3", "seven", "é", "\ud800", "NaN", "Infinity"],
  ...[true, false, null, undefined, Symbol("s"), {}, [], [7], new Date(7), () => 7],
  ...[{ valueOf: () => 7 }, { toString: () => "7" }, new Set([7])],
  ...[new Uint8Array([1, 2]), Buffer.from([3]), new Uint16Array([1, 512])],
];

test.each(methods)(
  "%s writes any value as ts-proto's own writer does, or refuses it alike",
  (name) => {
    const write = (writer: BinaryWriter, value: unknown): Buffer => {
      const method: unknown = Reflect.get(writer, name);
      if (typeof method !== "function") throw new TypeError(`a writer has no ${name}`);
      Reflect.apply(method, writer, [value]);
      return Buffer.from(writer.finish());
    };
    // One writer for all of them: none leaves anything behind.
    const ours = new ScratchWriter();
    for (const value of values) {
      const expected = outcomeOf(() => write(new BinaryWriter(), value));
      const outcome = outcomeOf(() => write(ours, value));
      expect([value, differenceOf(outcome, expected)]).toEqual([value, undefined]);
      ours.rewind(0);
    }
  },
);

test("no method is left to ts-proto's own writer, whose bytes nobody would take", () => {
  const own = Object.getOwnPropertyNames(BinaryWriter.prototype).filter(
    // What only the others call.
    (name) => !["ensureCapacity", "view", "writeVarint64"].includes(name),
  );
  for (const name of own) {
    expect([name, Object.hasOwn(ScratchWriter.prototype, name)]).toEqual([name, true]);
  }
});

/** Lengths at which the length itself takes more bytes, and others around the size of a chunk. */
const lengths = [
  0,
  1,
  41,
  42,
  43,
  126,
  127,
  128,
  // A third of that: of characters with three bytes.
  5_461,
  16_383,
  16_384,
  2 ** 16,
  699_051,
  2 ** 21 - 1,
  2 ** 21,
].flatMap((length) =>
  [length - 3, length - 2, length - 1, length, length + 1].filter((each) => each >= 0),
);

test.each(["x", "é", "漢", "🎉", "\ud800"])(
  "texts of any length have the same bytes: %j",
  (character) => {
    const encode = framedEncoderOf(Node);
    for (const length of lengths) {
      const message = Node.fromPartial({ next: { name: character.repeat(length) } });
      expect([length, encode(message).equals(withPrefix(stockBytes(Node, message)))]).toEqual([
        length,
        true,
      ]);
    }
  },
);

test("messages in messages of any length have the same bytes", () => {
  const encode = framedEncoderOf(Packed);
  for (const length of lengths) {
    const message = Packed.fromPartial({
      aBool: Array.from({ length }, (_, index) => index % 2 === 0),
    });
    expect([length, encode(message).equals(withPrefix(stockBytes(Packed, message)))]).toEqual([
      length,
      true,
    ]);
  }
});

describe("after an encoder that threw", () => {
  const encode = encoderOf(Order);
  const encodeFramed = framedEncoderOf(Order);
  const order = Order.fromPartial({ orderId: "o1", tags: ["a"], deliveredAt: { seconds: 1n } });
  const expected = stockBytes(Order, order);

  test.each<{ title: string; broken: Order; error: RegExp }>([
    {
      title: "between fields",
      broken: {
        ...order,
        get note(): string {
          throw new Error("no note");
        },
      },
      error: /^no note$/,
    },
    {
      title: "inside of a message in the message",
      broken: { ...order, deliveredAt: { seconds: 1n, nanos: 1.5 } },
      error: /^invalid int32: 1.5$/,
    },
    {
      title: "inside of a packed field, behind a lot",
      broken: { ...order, note: "x".repeat(100_000), itemCounts: [1, NaN] },
      error: /^invalid int32: NaN$/,
    },
  ])("$title, the next message is right", ({ broken, error }) => {
    for (let round = 0; round < 40; round++) {
      expect(() => encode(broken)).toThrow(error);
      expect(encode(order)).toEqual(expected);
      expect(() => encodeFramed(broken)).toThrow(error);
      expect(encodeFramed(order)).toEqual(withPrefix(expected));
    }
  });

  test("as the message was nested too deep for the stack, the next message is right", () => {
    const deep = Node.fromPartial({ name: "deepest" });
    let nested = deep;
    for (let depth = 0; depth < 100_000; depth++) nested = { name: "", next: nested, children: [] };
    expect(() => encoderOf(Node)(nested)).toThrow(RangeError);
    expect(() => framedEncoderOf(Node)(nested)).toThrow(RangeError);
    expect(encode(order)).toEqual(expected);
    expect(encodeFramed(order)).toEqual(withPrefix(expected));
  });
});

test("a message that encodes others while it is encoded has its own bytes, and so have they", () => {
  const encode = encoderOf(Scalars);
  const encodeFramed = framedEncoderOf(Scalars);
  const inner = Scalars.fromPartial({ aString: "inner", anInt64: -1n });
  const encoded: Buffer[] = [];
  const outer: Scalars = {
    ...Scalars.fromPartial({ aDouble: 1.5, aColor: 1 }),
    get aString() {
      encoded.push(encode(inner), encodeFramed(inner));
      return "outer";
    },
  };
  const expected = stockBytes(Scalars, {
    ...inner,
    aDouble: 1.5,
    aColor: 1,
    aString: "outer",
    anInt64: 0n,
  });
  expect(encode(outer)).toEqual(expected);
  expect(encodeFramed(outer)).toEqual(withPrefix(expected));
  const innerBytes = stockBytes(Scalars, inner);
  expect(encoded.length).toBeGreaterThan(0);
  for (const [index, bytes] of encoded.entries()) {
    expect(bytes).toEqual(index % 2 === 0 ? innerBytes : withPrefix(innerBytes));
  }
});

test("an encoder that writes with a writer of its own is understood", () => {
  const type: MessageType<Node> = {
    ...Node,
    encode: (message) => new BinaryWriter().uint32(10).string(message.name),
  };
  const message = Node.fromPartial({ name: "by hand" });
  expect(encoderOf(type)(message)).toEqual(stockBytes(Node, message));
  expect(framedEncoderOf(type)(message)).toEqual(withPrefix(stockBytes(Node, message)));
});

test("a message far larger than others holds no memory once it is sent", () => {
  const encode = encoderOf(Node);
  const encodeFramed = framedEncoderOf(Node);
  const small = Node.fromPartial({ name: "small" });
  const large = Node.fromPartial({ name: "x".repeat(4_000_000) });
  expect(encodeFramed(large).length).toBeGreaterThan(4_000_000);
  expect(encode(large).length).toBeGreaterThan(4_000_000);
  expect(encodeFramed(small).buffer.byteLength).toBeLessThanOrEqual(16 * 1024);
  expect(encode(small).buffer.byteLength).toBeLessThanOrEqual(16 * 1024);
});

test("what an encoder that throws has begun is forgotten", () => {
  const broken: MessageType<Node> = {
    ...Node,
    encode: (_message, writer = new BinaryWriter()) => {
      writer.uint32(10).fork();
      throw new TypeError("it is gone");
    },
  };
  const joining: MessageType<Node> = {
    ...Node,
    encode: (_message, writer = new BinaryWriter()) => writer.join(),
  };
  const node = Node.fromPartial({});
  for (const encode of [encoderOf, framedEncoderOf]) {
    expect(() => encode(broken)(node)).toThrow("it is gone");
    expect(() => encode(joining)(node)).toThrow("invalid state, fork stack empty");
  }
});
