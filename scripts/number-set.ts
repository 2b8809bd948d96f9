/** Sets of numbers, as rules such as `gte`, `lt`, `in` and `not_in` describe them, compared exactly. */

/** A whole number is a bigint, except that every set can be endless; a fraction is a number. */
export type Numeric = number | bigint;

/** A place between numbers: right before one, or right after it. */
interface Cut {
  readonly at: Numeric;
  readonly after: boolean;
}

/** All that lies between two cuts. */
interface Interval {
  readonly from: Cut;
  readonly to: Cut;
}

/** Intervals in ascending order that do not overlap. */
export type NumberSet = readonly Interval[];

/** All numbers there are. */
export const everything: NumberSet = between(-Infinity, Infinity);

/** The numbers from the first to the last, both included. */
export function between(first: Numeric, last: Numeric): NumberSet {
  return inOrder([{ from: before(first), to: behind(last) }]);
}

/** The numbers that a comparison with one is true for. */
export function compared(rule: "gt" | "gte" | "lt" | "lte", value: Numeric): NumberSet {
  switch (rule) {
    case "gt":
      return [{ from: behind(value), to: behind(Infinity) }];
    case "gte":
      return between(value, Infinity);
    case "lt":
      return [{ from: before(-Infinity), to: before(value) }];
    case "lte":
      return between(-Infinity, value);
  }
}

/** Exactly these numbers. */
export function points(values: readonly Numeric[]): NumberSet {
  return union(...values.map((value) => between(value, value)));
}

/** The numbers that are in any of the sets. */
export function union(...sets: readonly NumberSet[]): NumberSet {
  const joined: Interval[] = [];
  for (const next of sets.flat().toSorted((a, b) => order(a.from, b.from))) {
    const last = joined.at(-1);
    if (last === undefined || order(last.to, next.from) < 0) joined.push(next);
    else joined[joined.length - 1] = { from: last.from, to: later(last.to, next.to) };
  }
  return joined;
}

/** The numbers that are in each of the sets. */
export function intersection(...sets: readonly NumberSet[]): NumberSet {
  return sets.reduce((left, right) =>
    left.flatMap((a) =>
      inOrder(
        right.map((b) => ({
          from: later(a.from, b.from),
          to: order(a.to, b.to) < 0 ? a.to : b.to,
        })),
      ),
    ),
  );
}

/** The numbers of a set that are not in the other. */
export function without(set: NumberSet, other: NumberSet): NumberSet {
  const ends = [before(-Infinity), ...other.flatMap(({ from, to }) => [from, to])];
  const gaps: Interval[] = [];
  for (let index = 0; index < ends.length; index += 2) {
    const from = ends[index] ?? before(-Infinity);
    gaps.push({ from, to: ends[index + 1] ?? behind(Infinity) });
  }
  return intersection(set, inOrder(gaps));
}

/** Whether a set has a number. */
export function has(set: NumberSet, value: Numeric): boolean {
  return intersection(set, between(value, value)).length > 0;
}

/** A set as people write it: `0 to 150, from 200 on`. */
export function showSet(set: NumberSet): string {
  return set.map(showInterval).join(", ");
}

function showInterval({ from, to }: Interval): string {
  // Between whole numbers, a cut is before the one that follows.
  const last = typeof to.at === "bigint" ? to.at - 1n : to.at;
  const open = typeof to.at === "number" && !to.after;
  if (from.at === last) return String(last);
  const start = `${from.after ? "more than " : ""}${from.at}`;
  const end = `${open ? "less than " : ""}${last}`;
  if (from.at === -Infinity) return last === Infinity ? "all" : `${end} and less`;
  return last === Infinity ? `${start} and more` : `${start} to ${end}`;
}

function before(value: Numeric): Cut {
  return { at: value, after: false };
}

/** No whole number lies between one and the next, so that there the places are the same. */
function behind(value: Numeric): Cut {
  return typeof value === "bigint" ? before(value + 1n) : { at: value, after: true };
}

function order(a: Cut, b: Cut): number {
  if (a.at < b.at) return -1;
  if (a.at > b.at) return 1;
  return Number(a.after) - Number(b.after);
}

function later(a: Cut, b: Cut): Cut {
  return order(a, b) < 0 ? b : a;
}

/** Leaves out the intervals that nothing lies in. */
function inOrder(intervals: readonly Interval[]): Interval[] {
  return intervals.filter(({ from, to }) => order(from, to) < 0);
}
