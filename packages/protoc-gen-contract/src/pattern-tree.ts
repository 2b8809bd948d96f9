import {
  complement,
  lastCodePoint,
  type Ranges,
  rangesOf,
  show,
  showClass,
} from "./code-point-ranges.ts";

/** What matches one character, of a class that {@link Ranges} tell. */
export interface OneOf {
  readonly kind: "one of";
  readonly ranges: Ranges;
  readonly source: string;
}

export interface Repeat {
  readonly kind: "repeat";
  readonly body: Node;
  readonly min: number;
  readonly max: number;
  readonly lazy: boolean;
  /** Where it is in the pattern. */
  readonly start: number;
  readonly end: number;
}

export type Node =
  | OneOf
  | Repeat
  | { readonly kind: "assertion"; readonly source: string }
  | { readonly kind: "sequence"; readonly items: readonly Node[] }
  | { readonly kind: "choice"; readonly branches: readonly Node[] };

/** What matches one of these characters. */
export function oneOf(ranges: Ranges, source?: string): OneOf {
  const [[first, last] = [-1, -1], ...rest] = ranges;
  const single = first >= 0 && first === last && rest.length === 0;
  const shown = single ? show(first, /[\^$\\.*+?()[\]{}|/]/) : showClass(ranges);
  return { kind: "one of", ranges, source: source ?? shown };
}

/** RE2's `(?s).`. */
export const anything: OneOf = oneOf([[0, lastCodePoint]], "[^]");
/** RE2's `.`. */
export const notNewline: OneOf = oneOf(complement(rangesOf("\n\n")), String.raw`[^\n]`);

/** The source of a JavaScript RegExp. */
export function print(node: Node): string {
  switch (node.kind) {
    case "one of":
    case "assertion":
      return node.source;
    case "sequence":
      return node.items.map(print).join("");
    case "choice":
      return `(?:${node.branches.map(print).join("|")})`;
    case "repeat": {
      const { body, min, max, lazy } = node;
      const bare = body.kind === "one of" || body.kind === "choice";
      const count = max === Infinity ? `{${min},}` : `{${min},${max}}`;
      return (bare ? print(body) : `(?:${print(body)})`) + count + (lazy ? "?" : "");
    }
  }
}

/** How often the innermost of nested counts is there, as RE2 limits it. */
export function copies(node: Node): number {
  if (node.kind === "sequence") return Math.max(1, ...node.items.map(copies));
  if (node.kind === "choice") return Math.max(1, ...node.branches.map(copies));
  if (node.kind !== "repeat") return 1;
  const count = node.max === Infinity ? node.min : node.max;
  return count === 0 && node.max === 0 ? 0 : Math.max(1, count) * copies(node.body);
}

/** Why a pattern is refused, in words. */
export const unsupported = (construct: string, offset: number, reason: string): string =>
  `${construct} at offset ${offset} is not supported: ${reason}`;
