import {
  codePoint,
  complement,
  foldCase,
  lastCodePoint,
  perlClasses,
  posixClasses,
  propertyName,
  type Ranges,
  showRanges,
  size,
  sweep,
  union,
} from "./code-point-ranges.ts";
import {
  type OneOf,
  type Repeat,
  type Node,
  oneOf,
  anything,
  notNewline,
  copies,
  unsupported,
} from "./pattern-tree.ts";

/**
 * `\B`. JavaScript's own also holds, in V8, between the halves of a surrogate pair: for
 * `/\B/u.test("a\u{1f600}b")`, where the language's specification has no such place.
 */
const noBoundary = String.raw`(?:(?<=\w)(?=\w)|(?:^|(?<=\W))(?:$|(?=\W)))`;

/** RE2's flags that change verdicts; greediness does not. */
interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
}

/** In groups: the sign, or the least times, a comma and the most times; and what makes it lazy. */
const quantifier = /([*+?]|\{(0|[1-9]\d*)(?:(,)(0|[1-9]\d*)?)?\})(\??)/y;

const shorthands: ReadonlyMap<string, readonly [min: number, max: number]> = new Map([
  ["*", [0, Infinity]],
  ["+", [1, Infinity]],
  ["?", [0, 1]],
]);

/** RE2's limit for a count, and for the product of nested ones. */
const maxCount = 1000;

/** Reads RE2's syntax: https://github.com/google/re2/wiki/Syntax. */
export class Parser {
  readonly #pattern: string;
  readonly #groups = new Set<string>();
  #at = 0;
  #flags: Flags = { i: false, m: false, s: false };

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  parse(): Node {
    const tree = this.#choice();
    if (this.#at < this.#pattern.length) this.#refuse(this.#at, ")", "nothing is open there");
    return tree;
  }

  #refuse(start: number, construct: string, reason: string): never {
    throw new Error(unsupported(construct, start, reason));
  }

  /** What the (sticky) expression finds at this place, which is then behind us. */
  #take(expression: RegExp): RegExpExecArray | undefined {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#pattern) ?? undefined;
    if (found !== undefined) this.#at = expression.lastIndex;
    return found;
  }

  #choice(): Node {
    const branches = [this.#sequence()];
    while (this.#take(/\|/y) !== undefined) branches.push(this.#sequence());
    const [only] = branches;
    return only !== undefined && branches.length === 1 ? only : { kind: "choice", branches };
  }

  #sequence(): Node {
    const items: Node[] = [];
    while (this.#at < this.#pattern.length && !/[|)]/.test(this.#pattern.charAt(this.#at))) {
      const start = this.#at;
      const [early] = this.#take(quantifier) ?? [];
      if (early !== undefined) this.#refuse(start, early, "nothing precedes it");
      const atoms = this.#atoms();
      const last = atoms.pop();
      if (last !== undefined) items.push(...atoms, this.#repeated(last, start));
    }
    return { kind: "sequence", items };
  }

  /** The atom, as often as what follows it says. */
  #repeated(body: Node, start: number): Node {
    const offset = this.#at;
    const [text, sign = "", low, comma, high, lazy] = this.#take(quantifier) ?? [];
    if (text === undefined) return body;
    const most = comma === undefined ? low : (high ?? Infinity);
    const [min, max] = shorthands.get(sign) ?? [Number(low), Number(most)];
    const repeat: Repeat = {
      kind: "repeat",
      body,
      min,
      max,
      lazy: lazy === "?",
      start,
      end: this.#at,
    };
    if (max < min || (low !== undefined && copies(repeat) > maxCount)) {
      this.#refuse(offset, text, `counts multiply to ${maxCount} at most`);
    }
    const [again] = this.#take(quantifier) ?? [];
    if (again !== undefined) this.#refuse(offset, text + again, "it repeats a repetition");
    return repeat;
  }

  /** One atom in most cases; none for flags, several for a quotation. */
  #atoms(): Node[] {
    const start = this.#at;
    const [character = ""] = this.#take(/[^]/uy) ?? [];
    switch (character) {
      case "(":
        return this.#group(start);
      case "[":
        return [this.#class(start)];
      case "\\":
        return this.#escaped(start);
      case ".":
        return [this.#flags.s ? anything : notNewline];
      // JavaScript's own flag m knows more ends of lines.
      case "^":
        return [{ kind: "assertion", source: this.#flags.m ? String.raw`(?:^|(?<=\n))` : "^" }];
      case "$":
        return [{ kind: "assertion", source: this.#flags.m ? String.raw`(?=\n|$)` : "$" }];
      default: {
        // RE2 for JavaScript refuses that; the others take the brace for itself.
        const after = character === "{" ? this.#take(quantifier) : undefined;
        if (after !== undefined) this.#refuse(start, `{${after[0]}`, "write \\{ for a brace");
        return [this.#literal(codePoint(character))];
      }
    }
  }

  #literal(character: number): Node {
    return oneOf(this.#fold([[character, character]]));
  }

  #fold(ranges: Ranges): Ranges {
    return this.#flags.i ? foldCase(ranges) : ranges;
  }

  #group(start: number): Node[] {
    const outer = this.#flags;
    const named = this.#take(/\?P?<(\w+)>/y);
    const flags = named === undefined && this.#take(/\?([imsU]*)(?:-([imsU]+))?([:)])/y);
    if (named !== undefined) {
      const [, name = ""] = named;
      if (this.#groups.has(name)) this.#refuse(start, `(${named[0]}`, "the name is taken");
      this.#groups.add(name);
    } else if (flags) {
      const [, on = "", off = "", end] = flags;
      const set = (flag: keyof Flags) => !off.includes(flag) && (on.includes(flag) || outer[flag]);
      this.#flags = { i: set("i"), m: set("m"), s: set("s") };
      // Without a body, they are for the rest of the group that they are in.
      if (end === ")") return [];
    } else if (this.#pattern.charAt(this.#at) === "?") {
      this.#refuse(start, this.#pattern.slice(start, start + 4), "RE2 has no such group");
    }
    const body = this.#choice();
    if (this.#take(/\)/y) === undefined) this.#refuse(start, "(", "it is not closed");
    this.#flags = outer;
    return [body];
  }

  #escaped(start: number): Node[] {
    if (this.#take(/A/y) !== undefined) return [{ kind: "assertion", source: "^" }];
    if (this.#take(/z/y) !== undefined) return [{ kind: "assertion", source: "$" }];
    if (this.#take(/b/y) !== undefined) return [{ kind: "assertion", source: String.raw`\b` }];
    if (this.#take(/B/y) !== undefined) return [{ kind: "assertion", source: noBoundary }];
    const quoted = this.#take(/Q([^]*?)(?:\\E|$)/y);
    if (quoted !== undefined) {
      return Array.from(quoted[1] ?? "", (each) => this.#literal(codePoint(each)));
    }
    this.#at = start;
    const named = this.#namedClass();
    return [named ?? this.#literal(this.#escape(start))];
  }

  /** `\d`, `\pL` and their like, at this place. */
  #namedClass(): OneOf | undefined {
    const start = this.#at;
    const [perl, letter = ""] = this.#take(/\\([dswDSW])/y) ?? [];
    const ranges = perlClasses.get(letter.toLowerCase());
    if (perl !== undefined && ranges !== undefined) {
      const folded = this.#fold(ranges);
      return oneOf(letter === letter.toLowerCase() ? folded : complement(folded));
    }
    const property = this.#take(/\\([pP])(?:\{(\^?)([^}]*)\}|([^{]))/uy);
    if (property === undefined) return undefined;
    const [text, sign, caret = "", long, short = ""] = property;
    const name = propertyName(long ?? short);
    if (name === undefined) return this.#refuse(start, text, "it is no category or script");
    const base = sweep(`\\p{${name}}`);
    const folded = this.#fold(base);
    const negated = (sign === "P") !== (caret === "^");
    const source = size(folded) === size(base) ? `\\${negated ? "P" : "p"}{${name}}` : undefined;
    return oneOf(negated ? complement(folded) : folded, source);
  }

  /** The character that an escape stands for. */
  #escape(start: number): number {
    const code = this.#take(/\\(?:x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]+)\})/y);
    if (code !== undefined) {
      const character = parseInt(code[1] ?? code[2] ?? "", 16);
      return character <= lastCodePoint ? character : this.#refuse(start, code[0], "no code point");
    }
    const octal = this.#take(/\\(0[0-7]{0,2}|[1-7][0-7]{1,2})/y);
    if (octal?.[1] !== undefined) return parseInt(octal[1], 8);
    const [, letter] = this.#take(/\\([afnrtv])/y) ?? [];
    if (letter !== undefined) return codePoint("\x07\f\n\r\t\v".charAt("afnrtv".indexOf(letter)));
    const [, punctuation] = this.#take(/\\([^0-9A-Za-z\u0080-\uffff])/y) ?? [];
    if (punctuation !== undefined) return codePoint(punctuation);
    return this.#refuse(start, this.#pattern.slice(start, start + 2), "RE2 has no such escape");
  }

  #class(start: number): Node {
    const negated = this.#take(/\^/y) !== undefined;
    const items: OneOf[] = [];
    // A bracket that comes first does not close.
    while (items.length === 0 || this.#take(/\]/y) === undefined) {
      items.push(this.#posixClass() ?? this.#namedClass() ?? this.#range(start));
    }
    const ranges = union(items.flatMap((item) => item.ranges));
    const properties = items.filter((item) => /^\\p\{/i.test(item.source));
    const others = items.filter((item) => !properties.includes(item));
    const inside =
      properties.map((item) => item.source).join("") +
      showRanges(union(others.flatMap((item) => item.ranges)));
    if (negated) return oneOf(complement(ranges), `[^${inside}]`);
    return oneOf(ranges, properties.length > 0 ? `[${inside}]` : undefined);
  }

  #posixClass(): OneOf | undefined {
    const start = this.#at;
    const [text, caret, name = ""] = this.#take(/\[:(?:(\^?)([^]*?):)?\]/y) ?? [];
    if (text === undefined) return undefined;
    const ranges = posixClasses.get(name);
    if (ranges === undefined) return this.#refuse(start, text, "there is no such class");
    const folded = this.#fold(ranges);
    return oneOf(caret === "^" ? complement(folded) : folded);
  }

  #range(start: number): OneOf {
    const offset = this.#at;
    const first = this.#classCharacter(start);
    const last = this.#take(/-(?!\])/y) === undefined ? first : this.#classCharacter(start);
    if (last < first) this.#refuse(offset, this.#pattern.slice(offset, this.#at), "it is empty");
    return oneOf(this.#fold([[first, last]]));
  }

  #classCharacter(start: number): number {
    const offset = this.#at;
    if (this.#pattern.charAt(offset) === "\\") return this.#escape(offset);
    const [character] = this.#take(/[^]/uy) ?? [];
    return character === undefined
      ? this.#refuse(start, "[", "it is not closed")
      : codePoint(character);
  }
}
