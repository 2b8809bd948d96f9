import {
  create,
  type DescField,
  type DescMessage,
  getOption,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import {
  type FieldRules,
  field as fieldOption,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

/** Numbers from 0 up to, not including, 1. */
export type Random = () => number;

/** A generator of numbers that gives the same ones for the same seed (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** How many of the fields that hold messages are set, on average. */
const innerMessages = 2;

/** How deep messages are put into messages. */
const maxDepth = 3;

/**
 * A message with values that its rules are about: what they allow and what they just do not, beside
 * zeros, extremes and anything at all.
 */
export function randomMessage(descriptor: DescMessage, random: Random, depth = 0): Message {
  const message = create(descriptor);
  const target = reflect(descriptor, message);
  const holders = descriptor.fields.filter((field) => field.message !== undefined).length;
  const absenceOfMessages = Math.max(0.25, 1 - innerMessages / holders);
  for (const field of descriptor.fields) {
    // Messages in messages are drawn on their own as well: here it is about how they are put together.
    if (random() < (field.message === undefined ? 0.25 : absenceOfMessages)) continue;
    // Of a oneof, the member that is set last stays.
    setField(target, field, random, depth);
  }
  return message;
}

function setField(target: ReflectMessage, field: DescField, random: Random, depth: number): void {
  const rules = rulesOf(field);
  const some = (): number => Math.floor(random() ** 2 * 5);
  switch (field.fieldKind) {
    case "list": {
      const items = rules.type.case === "repeated" ? rules.type.value.items : undefined;
      if (field.message !== undefined && depth >= maxDepth) return;
      for (let left = some(); left > 0; left--) {
        target.get(field).add(single(field, items, random, depth));
      }
      return;
    }
    case "map": {
      const map = rules.type.case === "map" ? rules.type.value : undefined;
      if (field.message !== undefined && depth >= maxDepth) return;
      for (let left = some(); left > 0; left--) {
        const key = scalar(field.mapKey, map?.keys, random);
        const value = single(field, map?.values, random, depth);
        target.get(field).set(key, value);
      }
      return;
    }
    default:
      if (field.message !== undefined && depth >= maxDepth) return;
      target.set(field, single(field, rules, random, depth));
  }
}

const knownRules = new Map<DescField, FieldRules>();

function rulesOf(field: DescField): FieldRules {
  const rules = knownRules.get(field) ?? getOption(field, fieldOption);
  knownRules.set(field, rules);
  return rules;
}

/** A value of a field that is set, of an item of a list or of an entry of a map. */
function single(
  field: DescField,
  rules: FieldRules | undefined,
  random: Random,
  depth: number,
): unknown {
  if (field.message !== undefined) return inner(field.message, rules, random, depth);
  if (field.enum === undefined) return scalar(field.scalar, rules, random);
  const known = field.enum.values.map(({ number }) => number);
  const given = wanted(rules).filter((value) => typeof value === "number");
  return pick([...known, ...given, 3, -1, 2_147_483_647], random);
}

function inner(
  descriptor: DescMessage,
  rules: FieldRules | undefined,
  random: Random,
  depth: number,
): ReflectMessage {
  const message = reflect(descriptor);
  const wrapped = descriptor.fields.find(({ name }) => name === "value");
  switch (descriptor.typeName) {
    case "google.protobuf.Duration":
    case "google.protobuf.Timestamp": {
      const now = BigInt(Math.floor(Date.now() / 1000));
      const given = wanted(rules).filter((value) => isTime(value));
      const near =
        descriptor.typeName === "google.protobuf.Timestamp" ? [now - 60n, now + 60n] : [];
      const seconds = [...given.map((each) => each.seconds), 0n, 1n, 2n, -1n, 86_400n, ...near];
      const nanos = [...given.map((each) => each.nanos), 0, 0, 1, 999_999_999];
      const chosen = pick(seconds, random);
      set(message, "seconds", chosen);
      // The parts of a duration have the same sign.
      set(message, "nanos", chosen < 0n ? 0 : Math.abs(pick(nanos, random)));
      return message;
    }
    case "google.protobuf.Any":
      set(message, "type_url", pick(["a", "b", "c"], random).replace(/^/, "type.googleapis.com/"));
      return message;
    case "google.protobuf.FieldMask": {
      const paths = random() < 0.3 ? ["a", "b"] : ["a", "b", "a.x", "b.c", "b.c.d", "z"];
      const field = fieldNamed(message, "paths");
      if (field.fieldKind !== "list") throw new TypeError("paths is no list");
      for (const path of paths) if (random() < 0.7) message.get(field).add(path);
      return message;
    }
    case "google.protobuf.Struct":
    case "google.protobuf.Value":
    case "google.protobuf.ListValue":
      return message;
    default:
      if (descriptor.typeName.startsWith("google.protobuf.") && wrapped !== undefined) {
        message.set(wrapped, single(wrapped, rules, random, depth));
        return message;
      }
      return reflect(descriptor, randomMessage(descriptor, random, depth + 1));
  }
}

function scalar(type: ScalarType, rules: FieldRules | undefined, random: Random): unknown {
  const given = wanted(rules);
  switch (type) {
    case ScalarType.STRING:
      return text(given, rules, random);
    case ScalarType.BYTES: {
      const parts = given.flatMap((value) => (value instanceof Uint8Array ? [value] : []));
      const blobs = [...parts, ...[0, 1, 2, 3, 4, 5, 16].map((length) => new Uint8Array(length))];
      return Uint8Array.from(blobs.flatMap((blob) => (random() < 0.35 ? [...blob] : [])));
    }
    case ScalarType.BOOL:
      return random() < 0.5;
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE: {
      const numbers = given.flatMap((value) => (typeof value === "number" ? [value] : []));
      const near = numbers.flatMap((number) => [number, number - 0.01, number + 0.01]);
      const value = pick([...near, 0, -0, 1, NaN, Infinity, -Infinity, random() * 100], random);
      return type === ScalarType.FLOAT ? Math.fround(value) : value;
    }
    default: {
      const numbers = given.flatMap((value) => (isNumber(value) ? [BigInt(value)] : []));
      const near = numbers.flatMap((number) => [number - 1n, number, number + 1n]);
      const [min, max] = rangeOf(type);
      const fitting = [...near, 0n, 1n, 7n, min, max].filter((n) => n >= min && n <= max);
      const value = pick(fitting, random);
      return min > -4_294_967_296n && max < 4_294_967_296n ? Number(value) : value;
    }
  }
}

const samples = {
  email: ["a@b.c", "alice@example.com", "a@b@c", "@", "a@-b.c", "a.b+c@d"],
  address: ["example.com", "127.0.0.1", "::1", "a-.b", "1.2.3", "a..b", "host:80", "[::1]:80"],
  prefixes: ["10.0.0.0/8", "10.0.0.1/8", "::/0", "fe80::1/64", "1.2.3.4/33", "::1%a/64"],
  uri: ["https://example.com/a?b#c", "./a", "a b", "urn:x:y", "http://[::1]:8/%41", "http://%zz"],
  id: [
    "123e4567-e89b-12d3-a456-426614174000",
    "123e4567e89b12d3a456426614174000",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "a.b_c.D1",
    ".a.b",
    "a..b",
  ],
  header: ["content-type", ":path", "a b", "a\nb", "a\u0000b", "x\u007fy"],
  any: [
    "",
    "",
    "x",
    "ab",
    "abc",
    "é",
    "😀",
    "a😀é",
    "a.b",
    "\u0000",
    "p001",
    "b😀é",
    "aaaaaaaaaaaa",
  ],
} as const;

const allSamples = Object.values(samples).flat();

function text(given: readonly unknown[], rules: FieldRules | undefined, random: Random): string {
  const own = given.flatMap((value) => (typeof value === "string" ? [value] : []));
  const string = rules?.type.case === "string" ? rules.type.value : undefined;
  const lengths = [string?.minLen, string?.maxLen].flatMap((length) =>
    length === undefined || length === 0n
      ? []
      : [Number(length) - 1, Number(length), Number(length) + 1],
  );
  const repeated = lengths.map((length) => pick(["x", "😀"], random).repeat(length));
  return pick([...own, own.join(""), ...repeated, ...allSamples], random);
}

const knownValues = new WeakMap<FieldRules, RuleValue[]>();

/** Every value that is somewhere in the rules. */
function wanted(rules: FieldRules | undefined): RuleValue[] {
  if (rules?.type.case === undefined) return [];
  const known = knownValues.get(rules);
  if (known !== undefined) return known;
  const values: RuleValue[] = [];
  knownValues.set(rules, values);
  const collect = (value: unknown): void => {
    if (isRuleValue(value)) values.push(value);
    else if (Array.isArray(value)) value.forEach(collect);
    else if (typeof value === "object" && value !== null) {
      for (const [key, part] of Object.entries(value)) if (!key.startsWith("$")) collect(part);
    }
  };
  collect(rules.type.value);
  return values;
}

interface Time {
  readonly seconds: bigint;
  readonly nanos: number;
}

type RuleValue = string | number | bigint | boolean | Uint8Array | Time;

function isRuleValue(value: unknown): value is RuleValue {
  if (typeof value !== "object") return value !== undefined;
  return value instanceof Uint8Array || isTime(value);
}

function isTime(value: unknown): value is Time {
  return typeof value === "object" && value !== null && "seconds" in value && "nanos" in value;
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === "bigint" || Number.isInteger(value);
}

function rangeOf(type: ScalarType): [bigint, bigint] {
  switch (type) {
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return [0n, 4_294_967_295n];
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return [0n, 2n ** 64n - 1n];
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return [-(2n ** 63n), 2n ** 63n - 1n];
    default:
      return [-2_147_483_648n, 2_147_483_647n];
  }
}

function set(message: ReflectMessage, name: string, value: unknown): void {
  message.set(fieldNamed(message, name), value);
}

function fieldNamed(message: ReflectMessage, name: string): DescField {
  const field = message.fields.find((each) => each.name === name);
  if (field === undefined) throw new TypeError(`${message.desc.typeName} has no field ${name}`);
  return field;
}

function pick<T>(values: readonly T[], random: Random): T {
  const value = values[Math.floor(random() * values.length)];
  if (value === undefined) throw new RangeError("there is nothing to pick from");
  return value;
}
