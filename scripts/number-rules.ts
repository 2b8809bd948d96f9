/** Reads which numbers protovalidate's rules accept: values, lengths, and numbers of items. */
import { type DescEnum, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { DurationSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";
import {
  between,
  compared,
  everything,
  intersection,
  type Numeric,
  type NumberSet,
  points,
  union,
  without,
} from "./number-set.ts";
import { plain, type RulesKind, take, type UnreadRules } from "./unread-rules.ts";

/** The numbers of something that are accepted. */
export interface AcceptedNumbers {
  /** What they are, in the plural. */
  readonly of: string;
  readonly accepted: NumberSet;
  /** The number that stands for nothing, where there is one. */
  readonly zero?: Numeric;
  /** The number that a text has. */
  readonly count?: (text: string) => bigint;
}

/** Reads the numbers that rules of a kind accept, of the value itself or of what it consists of. */
export function numberRules(
  kind: RulesKind,
  unread: UnreadRules,
  enumeration: DescEnum | undefined,
): AcceptedNumbers[] {
  switch (kind) {
    case "any":
    case "fieldMask":
      return [];
    case "string":
      return [
        { ...sizes(unread, "lengths", "len"), count: (text) => BigInt([...text].length) },
        {
          ...sizes(unread, "lengths in bytes", "bytes", "len_bytes"),
          count: (text) => BigInt(Buffer.byteLength(text)),
        },
      ];
    case "bytes":
      return [{ ...sizes(unread, "lengths", "len"), count: (text) => BigInt(text.length) }];
    case "repeated":
      return [sizes(unread, "numbers of items", "items")];
    case "map":
      return [sizes(unread, "numbers of entries", "pairs")];
    case "float":
    case "double": {
      const bounds = [...comparisons, "const", "in", "finite"];
      // It is in no range, and in no list.
      const isNumber = bounds.some((rule) => (unread.get(rule) ?? false) !== false);
      return [
        { ...values(unread, kind), zero: 0 },
        { of: "values that are NaN", accepted: isNumber ? [] : everything },
      ];
    }
    case "duration":
      return [values(unread, kind)];
    case "timestamp": {
      const distance = take(unread, "within", (value) => numeric("duration", value));
      const accepted = distance === undefined ? everything : between(-distance, distance);
      return [values(unread, kind), { of: "distances from now", accepted }];
    }
    default: {
      const definedOnly = take(unread, "defined_only", Boolean) === true;
      const defined = enumeration?.values.map((value) => BigInt(value.number)) ?? [];
      const { of, accepted } = values(unread, kind);
      const known = definedOnly ? intersection(accepted, points(defined)) : accepted;
      return [{ of, accepted: known, zero: 0n }];
    }
  }
}

/** The sizes that rules such as `min_len`, `max_len` and `len` accept. */
function sizes(unread: UnreadRules, of: string, unit: string, exactly = unit): AcceptedNumbers {
  const number = (value: JsonValue): bigint => BigInt(plain(value));
  const exact = take(unread, exactly, number);
  const least = take(unread, `min_${unit}`, number);
  const most = take(unread, `max_${unit}`, number);
  const accepted = intersection(
    between(0n, Infinity),
    exact === undefined ? everything : points([exact]),
    least === undefined ? everything : compared("gte", least),
    most === undefined ? everything : compared("lte", most),
  );
  return { of, accepted, zero: 0n };
}

const comparisons = ["gt", "gte", "lt", "lte"] as const;

/** The values that rules such as `const`, `gte`, `lt`, `in` and `not_in` accept. */
function values(unread: UnreadRules, kind: RulesKind): AcceptedNumbers {
  const number = (value: JsonValue): Numeric => numeric(kind, value);
  const list = (value: JsonValue): NumberSet =>
    points(Array.isArray(value) ? value.map(number) : []);
  const constant = take(unread, "const", number);
  // At most one is a lower bound, and comes first; at most one is an upper bound.
  const bounds = comparisons.flatMap((rule) => {
    const bound = take(unread, rule, number);
    return bound === undefined ? [] : [{ bound, set: compared(rule, bound) }];
  });
  const [lower, upper] = bounds;
  // Where the lower bound is above the upper one, the values between them are what is refused.
  const isOutside = lower !== undefined && upper !== undefined && upper.bound < lower.bound;
  const range = bounds.map(({ set }) => set);
  const finite = take(unread, "finite", Boolean) === true;
  const accepted = intersection(
    allValues(kind),
    constant === undefined ? everything : points([constant]),
    isOutside ? union(...range) : intersection(everything, ...range),
    take(unread, "in", list) ?? everything,
    without(everything, take(unread, "not_in", list) ?? []),
    finite ? between(-Number.MAX_VALUE, Number.MAX_VALUE) : everything,
  );
  return { of: "values", accepted };
}

/** All values of a kind; of times, in nanoseconds. */
function allValues(kind: RulesKind): NumberSet {
  switch (kind) {
    case "bool":
      return between(0n, 1n);
    case "int32":
    case "sint32":
    case "sfixed32":
    case "enum":
      return between(-(2n ** 31n), 2n ** 31n - 1n);
    case "uint32":
    case "fixed32":
      return between(0n, 2n ** 32n - 1n);
    case "int64":
    case "sint64":
    case "sfixed64":
      return between(-(2n ** 63n), 2n ** 63n - 1n);
    case "uint64":
    case "fixed64":
      return between(0n, 2n ** 64n - 1n);
    default:
      return everything;
  }
}

/** A value of some kind, as protobuf's JSON has it. */
function numeric(kind: RulesKind, value: JsonValue): Numeric {
  switch (kind) {
    case "float":
    case "double":
      return Number(value);
    case "duration":
      return nanoseconds(fromJson(DurationSchema, value));
    case "timestamp":
      return nanoseconds(fromJson(TimestampSchema, value));
    case "bool":
      return value === true ? 1n : 0n;
    default:
      return BigInt(plain(value));
  }
}

function nanoseconds({ seconds, nanos }: { seconds: bigint; nanos: number }): bigint {
  return seconds * 1_000_000_000n + BigInt(nanos);
}
