import fc from "fast-check";
import type { MessageType } from "../src/definition.ts";
import {
  Choice,
  Everything,
  Known,
  Maps,
  Node,
  Optionals,
  Order,
  Packed,
  Scalars,
  Unpacked,
} from "./gen/org/codec/v1/codec.ts";

type Fields = Readonly<Record<string, fc.Arbitrary<unknown>>>;

/** A message type, and any messages of it. */
export interface CodecCase {
  readonly name: string;
  readonly type: MessageType<unknown>;
  readonly messages: fc.Arbitrary<object>;
}

const doubles = fc.oneof(fc.double(), fc.constantFrom(-0, NaN, Infinity, -Infinity, 5e-324));
const floats = fc.oneof(fc.float(), fc.constantFrom(-0, NaN, Infinity, -Infinity));
const int32s = around(fc.integer(), 31, (value) => Number(BigInt.asIntN(32, value)));
const uint32s = around(fc.nat(2 ** 32 - 1), 32, (value) => Number(BigInt.asUintN(32, value)));
const int64s = around(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), 63, (value) =>
  BigInt.asIntN(64, value),
);
const uint64s = around(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), 64, (value) =>
  BigInt.asUintN(64, value),
);

/** Texts of few and of many bytes, of characters of each size, with halves of pairs, too. */
const texts = fc.oneof(
  { weight: 4, arbitrary: fc.string() },
  { weight: 4, arbitrary: fc.string({ unit: "binary" }) },
  { weight: 2, arbitrary: fc.array(fc.nat(0xffff)).map((codes) => String.fromCharCode(...codes)) },
  // Where the length takes more bytes, or the way of writing and reading changes.
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom("x", "é", "漢", "🎉", "\ud800", "\ufeff"), fc.nat(300))
      .map(([character, count]) => character.repeat(count)),
  },
  { weight: 1, arbitrary: fc.nat(40_000).map((count) => "x".repeat(count)) },
);
const bytes = fc
  .oneof(
    { weight: 8, arbitrary: fc.uint8Array() },
    fc.uint8Array({ maxLength: 40_000, size: "max" }),
  )
  .map((each) => Buffer.from(each));

/** Numbers without a name among them. */
const colors = fc.oneof(fc.constantFrom(0, 1, 2147483647, -1), int32s);

const scalars: Fields = {
  aDouble: doubles,
  aFloat: floats,
  anInt32: int32s,
  anInt64: int64s,
  aUint32: uint32s,
  aUint64: uint64s,
  aSint32: int32s,
  aSint64: int64s,
  aFixed32: uint32s,
  aFixed64: uint64s,
  aSfixed32: int32s,
  aSfixed64: int64s,
  aBool: fc.boolean(),
  aString: texts,
  someBytes: bytes,
  aColor: colors,
};

const numbers = Object.fromEntries(
  Object.entries(scalars).filter(([name]) => name !== "aString" && name !== "someBytes"),
);

const optionals = fc.record(mapValues(scalars, (values) => fc.option(values, { nil: undefined })));
const packed = fc.record(mapValues(scalars, listOf));
const unpacked = fc.record(mapValues(numbers, listOf));

const node = nodesOf(3);
const choice = choicesOf(3);

const maps = fc.record({
  strings: fc.dictionary(texts, texts, { maxKeys: 4, noNullPrototype: true }),
  byInt32: byNumber(int32s, doubles),
  byInt64: byAny(int64s, bytes),
  byBool: byAny(fc.boolean(), fc.constantFrom(0, 1, -1)),
  bySint64: byAny(int64s, floats),
  byFixed32: byNumber(uint32s, node),
  bySfixed64: byAny(int64s, uint64s),
});

const times = fc.record({ seconds: int64s, nanos: int32s });

const known = fc.record({
  timestamp: orNothing(times),
  duration: orNothing(times),
  any: orNothing(fc.record({ typeUrl: texts, value: bytes })),
  struct: orNothing(fc.dictionary(texts, fc.jsonValue(), { maxKeys: 4, noNullPrototype: true })),
  wrappedInt64: orNothing(int64s),
  wrappedString: orNothing(texts),
});

const everything = fc.record({
  scalars: orNothing(fc.record(scalars)),
  optionals: orNothing(optionals),
  packed: orNothing(packed),
  unpacked: orNothing(unpacked),
  maps: orNothing(maps),
  choice: orNothing(choice),
  nodes: fc.array(node, { maxLength: 3 }),
  known: orNothing(known),
  last: uint32s,
});

const order = fc.record({
  orderId: texts,
  customerId: texts,
  email: texts,
  statusText: texts,
  color: colors,
  createdAtMillis: int64s,
  updatedAtMillis: int64s,
  quantity: uint32s,
  weightKilograms: doubles,
  discount: floats,
  isGift: fc.boolean(),
  isPaid: fc.boolean(),
  street: texts,
  city: texts,
  postalCode: texts,
  countryCode: texts,
  note: texts,
  tags: listOf(texts),
  itemCounts: listOf(int32s),
  deliveredAt: orNothing(times),
});

/** Every type of the .proto file for tests of the codec. */
export const codecCases: readonly CodecCase[] = [
  { name: "Scalars", type: Scalars, messages: fc.record(scalars) },
  { name: "Optionals", type: Optionals, messages: optionals },
  { name: "Packed", type: Packed, messages: packed },
  { name: "Unpacked", type: Unpacked, messages: unpacked },
  { name: "Maps", type: Maps, messages: maps },
  { name: "Choice", type: Choice, messages: choice },
  { name: "Node", type: Node, messages: node },
  { name: "Known", type: Known, messages: known },
  { name: "Everything", type: Everything, messages: everything },
  { name: "Order", type: Order, messages: order },
];

/** Messages in messages, this deep. */
function nodesOf(depth: number): fc.Arbitrary<Node> {
  const inner = depth === 0 ? undefined : nodesOf(depth - 1);
  return fc.record({
    name: texts,
    next: inner === undefined ? fc.constant(undefined) : orNothing(inner),
    children: inner === undefined ? fc.constant([]) : fc.array(inner, { maxLength: 2 }),
  });
}

function choicesOf(depth: number): fc.Arbitrary<Choice> {
  const cases = [
    oneCase("aDouble", doubles),
    oneCase("anInt64", int64s),
    oneCase("aSint32", int32s),
    oneCase("aBool", fc.boolean()),
    oneCase("aString", texts),
    oneCase("someBytes", bytes),
    oneCase("aColor", colors),
    oneCase("node", node),
  ];
  if (depth > 0) cases.push(oneCase("choice", choicesOf(depth - 1)));
  return fc.record({ value: fc.oneof(fc.constant(undefined), ...cases) });
}

/** Any numbers, and those beside powers of two, where the number of bytes changes. */
function around<T>(
  values: fc.Arbitrary<T>,
  bits: number,
  toNumber: (value: bigint) => T,
): fc.Arbitrary<T> {
  const edges = fc
    .tuple(fc.nat(bits), fc.constantFrom(-1n, 0n, 1n), fc.constantFrom(-1n, 1n))
    .map(([power, offset, sign]) => toNumber(sign * (2n ** BigInt(power) + offset)));
  return fc.oneof(values, edges);
}

function listOf<T>(values: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.array(values, { maxLength: 6 });
}

function orNothing<T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(values, { nil: undefined });
}

function oneCase(name: string, values: fc.Arbitrary<unknown>): fc.Arbitrary<Choice["value"]> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The names and values above are those of the .proto file.
  return values.map((value) => ({ $case: name, value }) as Choice["value"]);
}

function byNumber<T>(
  keys: fc.Arbitrary<number>,
  values: fc.Arbitrary<T>,
): fc.Arbitrary<Record<number, T>> {
  return fc
    .array(fc.tuple(keys, values), { maxLength: 4 })
    .map((entries) => Object.fromEntries(entries));
}

function byAny<K, T>(keys: fc.Arbitrary<K>, values: fc.Arbitrary<T>): fc.Arbitrary<Map<K, T>> {
  return fc.array(fc.tuple(keys, values), { maxLength: 4 }).map((entries) => new Map(entries));
}

function mapValues(
  fields: Fields,
  change: (values: fc.Arbitrary<unknown>) => fc.Arbitrary<unknown>,
): Record<string, fc.Arbitrary<unknown>> {
  return Object.fromEntries(Object.entries(fields).map(([name, values]) => [name, change(values)]));
}
