/** Inclusive ranges of code points, ascending, with others between them. */
export type Ranges = readonly (readonly [first: number, last: number])[];

/** Unicode's last code point. */
export const lastCodePoint = 0x10ffff;

/** All that are in any of them, in order and without overlaps. */
export function union(ranges: Ranges): Ranges {
  const merged: [number, number][] = [];
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

/** All others. */
export function complement(ranges: Ranges): Ranges {
  const starts = [0, ...ranges.map(([, last]) => last + 1)];
  const ends = [...ranges.map(([first]) => first - 1), lastCodePoint];
  return starts
    .map((first, index) => [first, ends[index] ?? lastCodePoint] as const)
    .filter(([first, last]) => first <= last);
}

/** Whether some character is in both. */
export function overlap(some: Ranges, others: Ranges): boolean {
  return some.some(([first, last]) =>
    others.some((other) => first <= other[1] && other[0] <= last),
  );
}

/** How many characters there are. */
export const size = (ranges: Ranges): number =>
  ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);

/** From pairs of characters: `09AF`. */
export const rangesOf = (pairs: string): Ranges =>
  Array.from(pairs.matchAll(/([^])([^])/gu), ([, first = "", last = ""]) => {
    return [codePoint(first), codePoint(last)] as const;
  });

/** The first code point of a text. */
export const codePoint = (character: string): number => character.codePointAt(0) ?? 0;

/** RE2's are of ASCII, also where those of JavaScript are not. */
export const perlClasses: ReadonlyMap<string, Ranges> = new Map([
  ["d", rangesOf("09")],
  ["s", rangesOf("\t\n\f\r  ")],
  ["w", rangesOf("09AZ__az")],
]);

/** POSIX's, by their names. */
export const posixClasses: ReadonlyMap<string, Ranges> = new Map([
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
export function propertyName(name: string): string | undefined {
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
export function sweep(source: string): Ranges {
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
export function foldCase(ranges: Ranges): Ranges {
  cased ??= sweep(String.raw`[\p{Changes_When_Casemapped}\p{Changes_When_Casefolded}]`)
    .flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, at) => first + at))
    .map((each) => String.fromCodePoint(each))
    .join("");
  const found = cased.match(new RegExp(showClass(ranges), "giu")) ?? [];
  return union([...ranges, ...found.map((each) => [codePoint(each), codePoint(each)] as const)]);
}

export function show(character: number, special: RegExp): string {
  const text = String.fromCodePoint(character);
  if (special.test(text)) return `\\${text}`;
  if (text === "\n") return String.raw`\n`;
  return character >= 0x20 && character < 0x7f ? text : `\\u{${character.toString(16)}}`;
}

export const showRanges = (ranges: Ranges): string =>
  ranges
    .map(([first, last]) => {
      const ends = first === last ? [first] : [first, last];
      return ends.map((each) => show(each, /[\^$\\.*+?()[\]{}|/-]/)).join("-");
    })
    .join("");

/** As a class of a RegExp. */
export const showClass = (ranges: Ranges): string => `[${showRanges(ranges)}]`;
