import { type Ranges, overlap } from "./code-point-ranges.ts";
import { type Repeat, type Node, unsupported } from "./pattern-tree.ts";

/** More ways than these to match are too many, unless a text allows one of them only. */
const maxWays = 1000;

/** In how many ways the choices of a pattern can be made. */
function ways(node: Node): number {
  switch (node.kind) {
    case "one of":
    case "assertion":
      return 1;
    case "sequence":
      return node.items.reduce((product, item) => product * ways(item), 1);
    case "choice":
      return node.branches.reduce((sum, branch) => sum + ways(branch), 0);
    case "repeat": {
      if (node.max === Infinity) return Infinity;
      const each = ways(node.body);
      let sum = 0;
      for (let count = node.min; count <= node.max; count += 1) sum += each ** count;
      return sum;
    }
  }
}

/** Throws for repetitions that JavaScript could need exponential time for: {@link translatePattern}. */
export function refuseExplosive(node: Node, pattern: string): void {
  if (node.kind === "sequence") for (const item of node.items) refuseExplosive(item, pattern);
  if (node.kind === "choice") for (const each of node.branches) refuseExplosive(each, pattern);
  if (node.kind !== "repeat") return;
  if (node.max <= 1) {
    refuseExplosive(node.body, pattern);
    return;
  }
  if (ways(node) <= maxWays || isUnambiguous(node.body)) return;
  const construct = pattern.slice(node.start, node.end);
  throw new Error(unsupported(construct, node.start, "it matches a text in too many ways"));
}

/** A place in a pattern that matches one character, and the places that the next one can match. */
interface Place {
  readonly id: number;
  readonly ranges: Ranges;
  readonly next: Place[];
}

interface Fragment {
  readonly first: readonly Place[];
  readonly last: readonly Place[];
  /** In how many ways it can match nothing. */
  readonly empty: number;
}

/** More places are not looked at. */
const maxPlaces = 2000;

/**
 * Does the body, when it is repeated, go through its places in one way at most for each text?
 *
 * The places make Glushkov's automaton. It repeats, so that one can get from each place to each
 * other: two ways that part, and come together after the same text, can be taken again and again.
 */
function isUnambiguous(body: Node): boolean {
  const places: Place[] = [];
  let ambiguous = false;

  function link(from: readonly Place[], to: readonly Place[]): void {
    for (const { next } of from) {
      for (const place of to) {
        if (next.includes(place)) ambiguous = true;
        else next.push(place);
      }
    }
  }

  function inSequence(before: Fragment, after: Fragment): Fragment {
    link(before.last, after.first);
    return {
      first: before.empty > 0 ? [...before.first, ...after.first] : before.first,
      last: after.empty > 0 ? [...before.last, ...after.last] : after.last,
      empty: before.empty * after.empty,
    };
  }

  function repeated({ body: each, min, max }: Repeat): Fragment {
    const count = max === Infinity ? Math.max(1, min) : max;
    const all: Fragment[] = [];
    for (let index = 0; index < count && !ambiguous; index += 1) all.push(fragment(each));
    const [head] = all;
    const tail = all.at(-1);
    if (head === undefined || tail === undefined) return { first: [], last: [], empty: 1 };
    if (max > 1 && head.empty > 0) ambiguous = true;
    for (const [index, after] of all.entries()) link(all[index - 1]?.last ?? [], after.first);
    if (max === Infinity) link(tail.last, tail.first);
    const last = all.slice(Math.max(0, min - 1)).flatMap((one) => one.last);
    return { first: head.first, last, empty: min === 0 ? 1 : head.empty };
  }

  function fragment(node: Node): Fragment {
    switch (node.kind) {
      case "one of": {
        const place = { id: places.length, ranges: node.ranges, next: [] };
        places.push(place);
        if (places.length > maxPlaces) ambiguous = true;
        return { first: [place], last: [place], empty: 0 };
      }
      case "assertion":
        return { first: [], last: [], empty: 1 };
      case "sequence":
        return node.items.map(fragment).reduce(inSequence, { first: [], last: [], empty: 1 });
      case "choice": {
        const branches = node.branches.map(fragment);
        const empty = branches.reduce((sum, branch) => sum + branch.empty, 0);
        if (empty > 1) ambiguous = true;
        return {
          first: branches.flatMap((branch) => branch.first),
          last: branches.flatMap((branch) => branch.last),
          empty,
        };
      }
      case "repeat":
        return repeated(node);
    }
  }

  const whole = fragment(body);
  link(whole.last, whole.first);
  return !ambiguous && whole.empty === 0 && !comeTogether(places);
}

/** Can two ways part at one place, match the same characters, and come to one place again? */
function comeTogether(places: readonly Place[]): boolean {
  const seen = new Set<number>();
  const pairs: [Place, Place][] = places.map((place) => [place, place]);
  for (const [one, other] of pairs) {
    for (const left of one.next) {
      for (const right of other.next) {
        // From one place, each to itself is no parting.
        if (one === other && left.id >= right.id) continue;
        if (!overlap(left.ranges, right.ranges)) continue;
        if (left === right) return true;
        const key = left.id * places.length + right.id;
        if (!seen.has(key)) pairs.push([left, right]);
        seen.add(key);
      }
    }
  }
  return false;
}
