/**
 * An RE2 pattern as the source of a JavaScript RegExp, for `new RegExp(source, flags)` as well as
 * between slashes. On well-formed texts, it is found where RE2 finds the pattern.
 *
 * What `\pL` and `(?i)` stand for is up to the version of Unicode that the engine knows, as in RE2.
 *
 * Throws an Error that names the construct and its offset for what RE2 refuses, and for repetitions on
 * which backtracking could take exponential time: unless the choices in one can be made in 1,000 ways
 * at most, what it repeats may not match nothing, and may match no text in more than one way. So
 * `(a+)+`, `(a|a)*`, `(a*)*`, `(a?){30}` and `(.*,){11}` are refused.
 *
 * What is accepted may still take polynomial time where RE2's is linear, by as many degrees as there
 * are repetitions side by side, and one more if it is not anchored: `^.*a.*b$` and `\s+$` are slow on
 * long texts, which a maximal length has to keep out.
 */
export function translatePattern(pattern: string): { source: string; flags: string } {
  const parser = new Parser(pattern);
  const tree = parser.parse();
  refuseExplosive(tree, pattern);
  return { source: print(tree) || "(?:)", flags: "u" };
}

/** Inclusive ranges of code points, ascending, with others between them. */
type Ranges = readonly (readonly [first: number, last: number])[];

/** What matches one character, of a class that {@link Ranges} tell. */
interface OneOf {
  readonly kind: "one of";
  readonly ranges: Ranges;
  readonly source: string;
}

interface Repeat {
  readonly kind: "repeat";
  readonly body: Node;
  readonly min: number;
  readonly max: number;
  readonly lazy: boolean;
  /** Where it is in the pattern. */
  readonly start: number;
  readonly end: number;
}

type Node =
  | OneOf
  | Repeat
  | { readonly kind: "assertion"; readonly source: string }
  | { readonly kind: "sequence"; readonly items: readonly Node[] }
  | { readonly kind: "choice"; readonly branches: readonly Node[] };

const lastCodePoint = 0x10ffff;

function union(ranges: Ranges): Ranges {
  const merged: [number, number][] = [];
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

function complement(ranges: Ranges): Ranges {
  const starts = [0, ...ranges.map(([, last]) => last + 1)];
  const ends = [...ranges.map(([first]) => first - 1), lastCodePoint];
  return starts
    .map((first, index) => [first, ends[index] ?? lastCodePoint] as const)
    .filter(([first, last]) => first <= last);
}

function overlap(some: Ranges, others: Ranges): boolean {
  return some.some(([first, last]) =>
    others.some((other) => first <= other[1] && other[0] <= last),
  );
}

const size = (ranges: Ranges): number =>
  ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);

/** From pairs of characters: `09AF`. */
const rangesOf = (pairs: string): Ranges =>
  Array.from(pairs.matchAll(/([^])([^])/gu), ([, first = "", last = ""]) => {
    return [codePoint(first), codePoint(last)] as const;
  });

const codePoint = (character: string): number => character.codePointAt(0) ?? 0;

/** RE2's are of ASCII, also where those of JavaScript are not. */
const perlClasses: ReadonlyMap<string, Ranges> = new Map([
  ["d", rangesOf("09")],
  ["s", rangesOf("\t\n\f\r  ")],
  ["w", rangesOf("09AZ__az")],
]);

const posixClasses: ReadonlyMap<string, Ranges> = new Map([
  ["alnum", rangesOf("09AZaz")],
  ["alpha", rangesOf("AZaz")],
  ["ascii", rangesOf("\0\x7f")],
  ["blank", rangesOf("\t\t  ")],
  ["cntrl", rangesOf("\0\x1f\x7f\x7f")],
  ["digit", rangesOf("09")],
  ["graph", rangesOf("!~")],
  ["lower", rangesOf("az")],
  ["print", rangesOf(" ~")],
  ["punct", rangesOf("!/:@[`{~")],
  ["space", rangesOf("\t\r  ")],
  ["upper", rangesOf("AZ")],
  ["word", rangesOf("09AZ__az")],
  ["xdigit", rangesOf("09AFaf")],
]);

const generalCategory = /^(?:C[cfos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?)$/;

/** The scripts that have four letters; other names of four letters are codes, which RE2 refuses. */
const shortScripts = /^(?:Ahom|Cham|Kawi|Lisu|Miao|Modi|Newa|Thai|Toto)$/;

/** JavaScript's name of a property. */
function propertyName(name: string): string | undefined {
  if (name === "Any") return name;
  if (generalCategory.test(name)) return `gc=${name}`;
  if (!/^[A-Z][A-Za-z_]+$/.test(name)) return undefined;
  if (name.length === 4 && !shortScripts.test(name)) return undefined;
  const script = `sc=${name}`;
  try {
    sweep(`\\p{${script}}`);
    return script;
  } catch {
    return undefined;
  }
}

const sweeps = new Map<string, Ranges>();

/** Every code point that the class of a RegExp has. */
function sweep(source: string): Ranges {
  const known = sweeps.get(source);
  if (known !== undefined) return known;
  const pattern = new RegExp(source, "u");
  const ranges: [number, number][] = [];
  for (let each = 0; each <= lastCodePoint; each += 1) {
    if (!pattern.test(String.fromCodePoint(each))) continue;
    const before = ranges.at(-1);
    if (before?.[1] === each - 1) before[1] = each;
    else ranges.push([each, each]);
  }
  sweeps.set(source, ranges);
  return ranges;
}

let cased: string | undefined;

/** The characters, and all that differ from one of them in case only. */
function foldCase(ranges: Ranges): Ranges {
  cased ??= sweep(String.raw`[\p{Changes_When_Casemapped}\p{Changes_When_Casefolded}]`)
    .flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, at) => first + at))
    .map((each) => String.fromCodePoint(each))
    .join("");
  const found = cased.match(new RegExp(showClass(ranges), "giu")) ?? [];
  return union([...ranges, ...found.map((each) => [codePoint(each), codePoint(each)] as const)]);
}

function show(character: number, special: RegExp): string {
  const text = String.fromCodePoint(character);
  if (special.test(text)) return `\\${text}`;
  if (text === "\n") return String.raw`\n`;
  return character >= 0x20 && character < 0x7f ? text : `\\u{${character.toString(16)}}`;
}

const showRanges = (ranges: Ranges): string =>
  ranges
    .map(([first, last]) => {
      const ends = first === last ? [first] : [first, last];
      return ends.map((each) => show(each, /[\^$\\.*+?()[\]{}|/-]/)).join("-");
    })
    .join("");

const showClass = (ranges: Ranges): string => `[${showRanges(ranges)}]`;

function oneOf(ranges: Ranges, source?: string): OneOf {
  const [[first, last] = [-1, -1], ...rest] = ranges;
  const single = first >= 0 && first === last && rest.length === 0;
  const shown = single ? show(first, /[\^$\\.*+?()[\]{}|/]/) : showClass(ranges);
  return { kind: "one of", ranges, source: source ?? shown };
}

const anything = oneOf([[0, lastCodePoint]], "[^]");
const notNewline = oneOf(complement(rangesOf("\n\n")), String.raw`[^\n]`);

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
class Parser {
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

const unsupported = (construct: string, offset: number, reason: string): string =>
  `${construct} at offset ${offset} is not supported: ${reason}`;

/** How often the innermost of nested counts is there, as RE2 limits it. */
function copies(node: Node): number {
  if (node.kind === "sequence") return Math.max(1, ...node.items.map(copies));
  if (node.kind === "choice") return Math.max(1, ...node.branches.map(copies));
  if (node.kind !== "repeat") return 1;
  const count = node.max === Infinity ? node.min : node.max;
  return count === 0 && node.max === 0 ? 0 : Math.max(1, count) * copies(node.body);
}

function print(node: Node): string {
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
function refuseExplosive(node: Node, pattern: string): void {
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
