/** One thing that is wrong with a message. */
export interface Violation {
  /** The path of the field, in the .proto file's names: `upsert.name`, `items[3].labels["de"]`. */
  readonly field: string;
  /** What it has to be, as a phrase that can follow the path: `must not be empty`. */
  readonly description: string;
  /** The id of the rule that is broken, as protovalidate has it: `string.min_len`. */
  readonly rule: string;
}

/** Finds what is wrong with a message, up to 1,000 violations; undefined where nothing is. */
export type MessageCheck<T> = (message: T) => Violation[] | undefined;

/**
 * How many violations are gathered: a request of some hundred kilobytes may have a million of them, and
 * each is copied once for each message that the one it is in is nested in.
 */
const mostViolations = 1000;

/** Adds a violation to those that were found. */
export function add(
  found: Violation[] | undefined,
  field: string,
  rule: string,
  description: string,
): Violation[] {
  const violation = { field, description, rule };
  if (found === undefined) return [violation];
  if (found.length < mostViolations) found.push(violation);
  return found;
}

/** Adds what is wrong with a part of a message, whose paths begin with the part's own. */
export function addWithin(
  found: Violation[] | undefined,
  path: string,
  inner: readonly Violation[],
): Violation[] {
  const all = found ?? [];
  for (const { field, description, rule } of inner) {
    if (all.length === mostViolations) break;
    all.push({ field: field === "" ? path : `${path}.${field}`, description, rule });
  }
  return all;
}

/** The path of an entry of a map. */
export function entryPath(map: string, key: string | number | bigint | boolean): string {
  if (typeof key !== "string") return `${map}[${key}]`;
  const escapes: Readonly<Record<string, string>> = {
    "\\": "\\\\",
    '"': '\\"',
    "\r": "\\r",
    "\n": "\\n",
  };
  return `${map}["${key.replace(/[\\"\r\n]/g, (character) => escapes[character] ?? character)}"]`;
}

/** How many entries a map has. */
export function sizeOf(map: object): number {
  return map instanceof Map ? map.size : Object.keys(map).length;
}

/** Whether a list has the value. */
export function isIn<T>(value: T, list: readonly T[]): boolean {
  // Unlike `includes`, this takes no NaN for another's equal, as protovalidate does.
  for (const each of list) if (each === value) return true;
  return false;
}

/** The characters of a text, counted as people do and not in UTF-16 units. */
export function lengthOf(text: string): number {
  let length = text.length;
  for (let index = 1; index < text.length; index++) {
    const isPair = isLow(text.charCodeAt(index)) && isHigh(text.charCodeAt(index - 1));
    if (isPair) length--;
  }
  return length;
}

/** Whether a text has less characters than that. */
export function isShorter(text: string, min: number): boolean {
  if (text.length < min) return true;
  // A character has two UTF-16 units at the most.
  return text.length < 2 * min && lengthOf(text) < min;
}

/** Whether a text has more characters than that. */
export function isLonger(text: string, max: number): boolean {
  if (text.length <= max) return false;
  return text.length > 2 * max || lengthOf(text) > max;
}

/** The bytes of a text in UTF-8. */
export function bytesIn(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    // Two of the four bytes of a pair are counted at each of its units.
    bytes += unit < 0x800 || isHigh(unit) || isLow(unit) ? 1 : 2;
  }
  return bytes;
}

type Bytes = ArrayLike<number>;

/** Whether bytes are the same. */
export function bytesEqual(bytes: Bytes, others: Bytes): boolean {
  return bytes.length === others.length && hasAt(bytes, others, 0);
}

/** Whether bytes begin with others. */
export function bytesBeginWith(bytes: Bytes, others: Bytes): boolean {
  return hasAt(bytes, others, 0);
}

/** Whether bytes end with others. */
export function bytesEndWith(bytes: Bytes, others: Bytes): boolean {
  return hasAt(bytes, others, bytes.length - others.length);
}

/** Whether others are somewhere in bytes. */
export function bytesContain(bytes: Bytes, others: Bytes): boolean {
  for (let start = 0; start <= bytes.length - others.length; start++) {
    if (hasAt(bytes, others, start)) return true;
  }
  return false;
}

/** Whether a list has the bytes. */
export function isOneOfBytes(bytes: Bytes, list: readonly Bytes[]): boolean {
  return list.some((each) => bytesEqual(bytes, each));
}

function hasAt(bytes: Bytes, others: Bytes, start: number): boolean {
  if (start < 0 || start + others.length > bytes.length) return false;
  for (let index = 0; index < others.length; index++) {
    if (bytes[start + index] !== others[index]) return false;
  }
  return true;
}

/** Whether no item of a list is there twice. NaN is no other NaN's equal. */
export function isUnique(items: readonly (string | number | bigint | boolean | Bytes)[]): boolean {
  const seen = new Set<unknown>();
  for (const item of items) {
    if (Number.isNaN(item)) continue;
    const key = typeof item === "object" ? Array.from(item).join() : item;
    if (seen.has(key)) return false;
    seen.add(key);
  }
  return true;
}

/** Whether two lists have the same texts in the same order. */
export function isSameList(list: readonly string[], other: readonly string[]): boolean {
  return list.length === other.length && list.every((each, index) => each === other[index]);
}

/** Whether a path of a field mask is one of those, or below one of them. */
export function isPathIn(path: string, paths: readonly string[]): boolean {
  return paths.some((each) => path === each || path.startsWith(`${each}.`));
}

interface Time {
  readonly seconds: bigint;
  readonly nanos: number;
}

/** A duration, or the time since 1970, in nanoseconds. */
export function nanosOf({ seconds, nanos }: Time): bigint {
  return seconds * 1_000_000_000n + BigInt(nanos);
}

/** The time since 1970, in nanoseconds. */
export function nanosNow(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

/** Whether a time is less than so many nanoseconds away. */
export function isNear(time: Time, nanos: bigint): boolean {
  const distance = nanosOf(time) - nanosNow();
  return distance >= -nanos && distance <= nanos;
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
