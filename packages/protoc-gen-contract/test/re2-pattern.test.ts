import { createRequire } from "node:module";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { translatePattern } from "../src/re2-pattern.ts";

/** As much of protovalidate's own engine as is needed here. */
interface Re2 {
  readonly RE2JS: { compile(pattern: string): { test(text: string): boolean } };
}

const protovalidate = createRequire(import.meta.url).resolve("@bufbuild/protovalidate");
const engine: unknown = createRequire(protovalidate)("@bufbuild/re2");
if (!isRe2(engine)) throw new Error("@bufbuild/re2 exports RE2JS");
const { RE2JS } = engine;

function isRe2(value: unknown): value is Re2 {
  return typeof value === "object" && value !== null && "RE2JS" in value;
}

function translated(pattern: string): RegExp {
  const { source, flags } = translatePattern(pattern);
  return new RegExp(source, flags);
}

/** Why the pattern is refused; undefined if it is not. */
function refusal(of: () => unknown): string | undefined {
  try {
    of();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/** Of everything that some class or anchor tells from its neighbours. */
const characters = Array.from(
  "\0\u0007\b\t\n\v\f\r\u001f !\"#$%&'()*+,-./09:;<=>?@AFGKSXZ[\\]^_`abdefgikmnpsuxz{|}~\u007f" +
    "\u0080\u00a0\u00e9\u00df\u0130\u0131\u017f\u0345\u03b1\u03a3\u03c3\u03c2\u0416\u1e9e\u2028" +
    "\u212a\u0660\u2160\u3042\u4e00\ufeff\uffff\u{10400}\u{10428}\u{1f600}\u{10ffff}",
);

/** Patterns of which each has its own syntax, with texts that tell whether it was understood. */
const understood: readonly string[] = [
  ...[
    "",
    "a",
    "ab|cd",
    "|a",
    "a|",
    "()",
    "(?:)",
    "a()b",
    "(a)(?:b)",
    "(?P<x>a)(?<y_1>b)",
    "(?P<1>a)",
  ],
  ...[
    ".",
    "^.$",
    "(?s)^.$",
    "(?s:^.)$",
    "(?s-s).",
    "^",
    "$",
    "^$",
    "a^",
    "$a",
    "\\A\\z",
    "\\Aa\\z",
  ],
  ...["(?m)^a$", "(?m:^)a", "(?m)a$", "(?m)^$", "(?-m)^a$", "(?m)\\Aa\\z", "(?ms)^.$", "(?U)a+?"],
  ...[
    "\\ba",
    "a\\b",
    "\\Ba",
    "a\\B",
    "\\b",
    "\\B",
    "(?i)\\bs\\b",
    "(?:\\b)?a",
    "\\b?a",
    "^?a",
    "$?",
  ],
  ...[
    "\\d",
    "\\D",
    "\\w",
    "\\W",
    "\\s",
    "\\S",
    "[\\d]",
    "[^\\d]",
    "[\\D]",
    "[^\\D\\n]",
    "[\\s\\S]",
  ],
  ...[
    "[a-z]",
    "[^a-z]",
    "[]a]",
    "[^]a]",
    "[a\\]]",
    "[-a]",
    "[a-]",
    "[^\u{1f600}]",
    "[\\d-z]",
    "[a\\-z]",
    "[+--]",
    "[[]",
  ],
  ...[
    "[[:a]",
    "[[:alpha:]]",
    "[^[:alpha:]]",
    "[[:^alpha:]]",
    "[[:^ascii:]a]",
    "[:alpha:]",
    "[a[:digit:]b]",
  ],
  ...["alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct"].map(
    (name) => `[[:${name}:]]`,
  ),
  ...["space", "upper", "word", "xdigit"].flatMap((name) => [
    `[[:${name}:]]`,
    `(?i)[[:^${name}:]]`,
  ]),
  ...[
    "\\pL",
    "\\PL",
    "\\p{L}",
    "\\p{^L}",
    "\\P{^L}",
    "\\p{Lu}",
    "\\p{Greek}",
    "\\P{Greek}",
    "\\p{Any}",
  ],
  ...[
    "[\\pL\\pN]",
    "[^\\pL]",
    "[\\PL]",
    "[^\\PL]",
    "[\\p{Greek}0-9_]",
    "\\p{Thai}",
    "\\p{Han}",
    "\\pC",
  ],
  ...[
    "(?i)\\p{Lu}",
    "(?i)\\P{Lu}",
    "(?i)\\pL",
    "(?i)[^\\p{Ll}]",
    "(?i)[\\P{Lu}k]",
    "(?i)\\p{Greek}",
  ],
  ...["(?i)a", "(?i)k", "(?i)S", "(?i)\u00df", "(?i)\u03a3", "(?i)[a-z]", "(?i)[^k]", "(?i)[j-l]"],
  ...[
    "(?i)\\w",
    "(?i)\\W",
    "(?i)[^\\w]",
    "(?i)[\\W]",
    "(?i)[^\\W]",
    "(?i)\u0130",
    "(?i)i",
    "a(?i)b|c",
  ],
  ...["(?i:a)b", "(a(?i)b)c", "(?i)a(?-i)b", "(?i-s:a.)", "(?i)\\Qa.\\E", "(?)a", "(?i)\u{10400}"],
  ...[
    "\\x41",
    "\\x{41}",
    "\\x{1F600}",
    "\\x{10FFFF}",
    "\\x{00000041}",
    "\\0",
    "\\07",
    "\\101",
    "\\60",
    "\\1010",
  ],
  ...[
    "\\a",
    "\\f",
    "\\n",
    "\\r",
    "\\t",
    "\\v",
    "[\\a\\f\\n\\r\\t\\v]",
    "\\.",
    "\\-",
    "\\/",
    "\\ ",
    "\\@",
    "\\_",
  ],
  ...[
    "\\Qa.b\\E",
    "\\Qa.b",
    "\\Q\\E",
    "\\Qab\\E+",
    "\\Q\\",
    "a\\Q\\Eb",
    "\\Q(\\E\\)",
    "/",
    "-",
    "\\]",
  ],
  ...[
    "a*",
    "a+",
    "a?",
    "a*?",
    "a+?",
    "a??",
    "a{2}",
    "a{2,}",
    "a{2,3}",
    "a{2}?",
    "a{0}b",
    "a{0,1}",
    "a{1000}",
  ],
  ...["a{", "a{,2}", "a{1", "a{1,", "a{x}", "a{01}", "{", "}", "]", "a{1,2x", "{,1}", "x{2}{"],
  ...[
    "(ab)+",
    "(?:ab|cd)+",
    "(?:a{2}){2}",
    "(?:a?b){2,3}",
    "\u{1f600}+",
    "[\u{1f600}a]+$",
    "\u00e9",
  ],
];

/** With the construct and the place that the message tells. */
const refused: readonly (readonly [pattern: string, construct: string, offset: number])[] = [
  ["*", "*", 0],
  ["a|*", "*", 2],
  ["(+)", "+", 1],
  ["{2}", "{2}", 0],
  ["(?i)*", "*", 4],
  ["a**", "**", 1],
  ["a*??", "*??", 1],
  ["a{2}{3}", "{2}{3}", 1],
  ["{*", "{*", 0],
  ["a{1001}", "{1001}", 1],
  ["a{2,1}", "{2,1}", 1],
  ["(a{100}){11}", "{11}", 8],
  ["(", "(", 0],
  ["a(b(c)", "(", 1],
  ["a)", ")", 1],
  ["[a", "[", 0],
  ["[]", "[", 0],
  ["[^]", "[", 0],
  ["x[b-a]", "b-a", 2],
  ["[[:foo:]]", "[:foo:]", 1],
  ["[a-\\d]", "\\d", 3],
  ["[\\b]", "\\b", 1],
  ["\\", "\\", 0],
  ["a\\C", "\\C", 1],
  ["(a)\\1", "\\1", 3],
  ["\\8", "\\8", 0],
  ["\\Z", "\\Z", 0],
  ["\\u0041", "\\u", 0],
  ["\\x4", "\\x", 0],
  ["\\x{110000}", "\\x{110000}", 0],
  ["\\\u00e9", "\\\u00e9", 0],
  ["\\p{Grek}", "\\p{Grek}", 0],
  ["\\p{Letter}", "\\p{Letter}", 0],
  ["\\pX", "\\pX", 0],
  ["\\p{Script=Greek}", "\\p{Script=Greek}", 0],
  ["\\p{L", "\\p", 0],
  ["(?=a)", "(?=a", 0],
  ["(?!a)", "(?!a", 0],
  ["(?<=a)", "(?<=", 0],
  ["(?>a)", "(?>a", 0],
  ["(?i-)a", "(?i-", 0],
  ["(?x)a", "(?x)", 0],
  ["(?P<a>b)(?P<a>c)", "(?P<a>", 8],
  ["(?P=a)", "(?P=", 0],
];

/** RE2 takes these in linear time. */
const explosive: readonly string[] = [
  ...[
    "(a+)+$",
    "(a|a)*$",
    "(a*)*",
    "(a?)*",
    "(?:a|b|ab)*$",
    "(a+)*b",
    "(.*,){11}P",
    "(?:a|[a-z])+!",
  ],
  ...[
    "(a{1,31}){1,31}$",
    "(a?){30}a",
    "(?:|){30}x",
    "(?:\\b|\\B){30}x",
    "([a-z]+)*[0-9]",
    "(?:a*a*)+",
  ],
  ...[
    "((a|b)*c?)*$",
    "^(\\w+\\s?)*$",
    "^(?:a(?:|)b?)+$",
    "(?:\\pL+\\w*,?)+$",
    "x((ab)*(ab)*c)*y",
    "(a|a?)+",
  ],
  ...["(?i)(?:s|\u017f)+$", "(?:a(?:\\b|$))+", "^(([a-z])+.)+[A-Z]([a-z])+$", "(?:\\Qaa\\E|a)+"],
];

const everyday: readonly string[] = [
  ...[
    "^[a-z]+(\\.[a-z]+)*$",
    "^[A-Za-z0-9._-]{1,64}$",
    "^(?:[a-z0-9-]+/)+[a-z]+$",
    "^\\S+@\\S+\\.\\S+$",
  ],
  ...["^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", "^(?:[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,}$"],
  ...[
    "^(foo|bar|baz)(,(foo|bar|baz))*$",
    "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
  ],
  ...[
    "^((25[0-5]|2[0-4]\\d|[01]?\\d\\d?)\\.){3}(25[0-5]|2[0-4]\\d|[01]?\\d\\d?)$",
    "^#(?:[0-9a-f]{3}){1,2}$",
  ],
  ...[
    "^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    "^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}(:\\d{2})?Z)?$",
  ],
  ...[
    "^\\+?[1-9]\\d{1,14}$",
    '^(?:[^"\\\\]|\\\\.)*$',
    "^\\s*\\w+(?:\\s*,\\s*\\w+)*\\s*$",
    "^(?:\\s?\\d){16}$",
  ],
  ...[
    "^\\pL+(?:[ '-]\\pL+)*$",
    "^(?i)(?:GET|POST)(?:, (?:GET|POST))*$",
    "^v(\\d+)(\\.\\d+){0,2}(-[a-z]+)?$",
  ],
  ...[
    "^projects/[^/]+/(?:locations/[^/]+/)?things/[^/]+$",
    "^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z]+$",
  ],
  ...[
    "^-?(?:0|[1-9]\\d*)(?:\\.\\d+)?(?:[eE][+-]?\\d+)?$",
    "^(?:[01]\\d|2[0-3]):[0-5]\\d$",
    ".*foo.*",
  ],
];

describe("a pattern", () => {
  test.each([...understood, ...everyday])("%j finds what RE2 finds", (pattern) => {
    const texts = [
      "",
      ...characters,
      ...characters.flatMap((each) => [
        `a${each}`,
        `${each}a`,
        `a${each}b`,
        `\n${each}`,
        `${each}\n`,
      ]),
      ...[
        "a.b",
        "aab",
        "aaaa",
        "abab",
        "cd",
        "aA.",
        "ABC",
        "a\nb",
        "a{,2}",
        "a{01}",
        "x{2}{",
        "a{1,2x",
      ],
      ...[
        "b".repeat(999),
        "a".repeat(1000),
        "\u{1f600}\u{1f600}",
        "k\u212aK",
        "\u0130i",
        "foo,bar",
        "1.2.3.4",
      ],
    ];
    const [ours, theirs] = [translated(pattern), RE2JS.compile(pattern)];
    expect(texts.filter((text) => ours.test(text) !== theirs.test(text))).toEqual([]);
  });

  test.each(refused)(
    "%j is refused for its %j at %i, as RE2 refuses it",
    (pattern, construct, at) => {
      expect(() => translatePattern(pattern)).toThrow(
        `${construct} at offset ${at} is not supported: `,
      );
      expect(refusal(() => RE2JS.compile(pattern))).toBeDefined();
    },
  );

  test.each(explosive)("%j is refused because of backtracking", (pattern) => {
    expect(() => translatePattern(pattern)).toThrow("it matches a text in too many ways");
    expect(refusal(() => RE2JS.compile(pattern))).toBeUndefined();
  });

  test.each(everyday)("%j takes no exponential time", (pattern) => {
    const regExp = translated(pattern);
    const start = performance.now();
    for (const unit of [
      "a",
      "1",
      "a.",
      "a/",
      "foo,",
      "AAAA",
      "1.",
      "a, ",
      "\\",
      " 1",
      "-0000",
      "0",
    ]) {
      for (const end of ["", "!", "\n"]) regExp.test(unit.repeat(500) + end);
    }
    expect(performance.now() - start).toBeLessThan(3_000);
  });
});

test("the source can stand between slashes", () => {
  for (const pattern of [...understood, ...everyday]) {
    const { source } = translatePattern(pattern);
    expect(source).not.toBe("");
    expect(source).not.toMatch(/[\n\r\u2028\u2029]/);
    expect(source.replaceAll(/\\./gu, "")).not.toContain("/");
  }
});

test("case folds as in RE2 for every character", () => {
  const cased = /[\p{Changes_When_Casemapped}\p{Changes_When_Casefolded}]/u;
  const all = Array.from({ length: 0x1_ffff }, (_, each) => String.fromCodePoint(each));
  // Unicode 17 has them; RE2 has the tables of 16.
  const newer = /[\ua7ce-\ua7d5\u{16ea0}-\u{16ed3}]/u;
  const letters = all.filter((each) => cased.test(each) && !newer.test(each));
  const text = letters.join("");
  const rare = letters.filter((_, index) => index % 7 === 0);
  for (const letter of rare) {
    const found: readonly string[] =
      text.match(new RegExp(translatePattern(`(?i)${letter}`).source, "gu")) ?? [];
    const re2 = RE2JS.compile(`(?i)^${letter}$`);
    const near = [...found, letter.toLowerCase(), letter.toUpperCase()];
    expect(near.map((each) => re2.test(each))).toEqual(near.map((each) => found.includes(each)));
  }
});

const counts = ["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}", "{2,}", "{0}", "{1,3}?"];
const flags = ["(?i)", "(?s)", "(?m)", "(?-i)", "(?i-sm)"];
const literals = ["a", "b", "ab", "k", "S", "1", "-", "/", "\\n", "\u00e9", "\u{1f600}", "\u03c3"];
const escapes = [
  "\\x41",
  "\\x{1F600}",
  "\\101",
  "\\Qa*\\E",
  "\\*",
  ".",
  "\\d",
  "\\W",
  "\\s",
  "\\pL",
  "\\P{Lu}",
];
const assertions = ["^", "$", "\\b", "\\B", "\\A", "\\z"];
const members = [
  "a",
  "a-k",
  "A-Z",
  "\\d",
  "\\W",
  "\\S",
  "[:alpha:]",
  "[:^space:]",
  "\\pL",
  "\\PL",
  "\\n",
  "-",
];
const characterClass = fc
  .tuple(
    fc.constantFrom("[", "[^"),
    fc.array(fc.constantFrom(...members, "\u{1f600}", "\\x{100}-\\x{3ff}"), {
      minLength: 1,
      maxLength: 3,
    }),
  )
  .map(([open, items]) => `${open}${items.join("")}]`);

/** What RE2 understands, mostly. */
const { pattern: patterns } = fc.letrec<Record<"pattern" | "atom" | "piece", string>>((tie) => ({
  pattern: fc
    .array(fc.array(tie("piece"), { maxLength: 4 }), { minLength: 1, maxLength: 3 })
    .map((branches) => branches.map((pieces) => pieces.join("")).join("|")),
  piece: fc.oneof(
    { weight: 6, arbitrary: tie("atom") },
    {
      weight: 3,
      arbitrary: fc.tuple(tie("atom"), fc.constantFrom(...counts)).map((parts) => parts.join("")),
    },
    { weight: 2, arbitrary: fc.constantFrom(...assertions, ...flags) },
  ),
  atom: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(...literals),
    fc.constantFrom(...escapes),
    characterClass,
    fc
      .tuple(fc.constantFrom("(", "(?:", "(?i:", "(?m:", "(?s-i:"), tie("pattern"))
      .map(([open, body]) => `${open}${body})`),
  ),
}));

const texts = fc.array(
  fc
    .array(
      fc.constantFrom(
        "a",
        "b",
        "A",
        "k",
        "\u212a",
        "s",
        "\u017f",
        "1",
        "-",
        "/",
        "\n",
        " ",
        "\u00e9",
        "\u{1f600}",
        "\u03c2",
        "*",
        "{",
      ),
      { maxLength: 7 },
    )
    .map((all) => all.join("")),
  { minLength: 12, maxLength: 12 },
);

/** Whether both refuse the pattern, or find it in the same texts. */
function agree(pattern: string, each: readonly string[]): "refused" | "found" | "different" {
  let theirs: { test(text: string): boolean };
  try {
    theirs = RE2JS.compile(pattern);
  } catch {
    return refusal(() => translatePattern(pattern)) === undefined ? "different" : "refused";
  }
  let ours: RegExp;
  try {
    ours = translated(pattern);
  } catch (error) {
    // RE2 lets flags stand between what is repeated and how often.
    const reason = /too many ways|nothing precedes/;
    return reason.test(String(error)) ? "refused" : "different";
  }
  return each.every((text) => ours.test(text) === theirs.test(text)) ? "found" : "different";
}

/** Compares as many patterns, and counts those that were not refused. */
function compare(generated: fc.Arbitrary<string>, numRuns: number): number {
  let found = 0;
  const property = fc.property(generated, texts, (pattern, each) => {
    const result = agree(pattern, [...each, pattern]);
    if (result === "found") found += 1;
    return result !== "different";
  });
  fc.assert(property, { numRuns });
  return found;
}

test("generated patterns find what RE2 finds", () => {
  expect(compare(patterns, 2_000)).toBeGreaterThan(1_000);
});

test("characters that mean something, in any order, mean what they mean to RE2", () => {
  const tokens =
    "( ) (? [ ] [^ { } , - \\ * + ? | : a 1 0 ^ $ < > P p x Q E i [: :] L \u{1f600}".split(" ");
  const soup = fc.array(fc.constantFrom(...tokens), { maxLength: 8 });
  expect(
    compare(
      soup.map((all) => all.join("")),
      10_000,
    ),
  ).toBeGreaterThan(1_000);
});

test("what is accepted takes no exponential time", () => {
  // Few characters and many repetitions, so that ways to match meet often.
  const { loop } = fc.letrec<{ loop: string }>((tie) => ({
    loop: fc.oneof(
      { depthSize: "medium" },
      fc.constantFrom("a", "b", "[ab]", "a?", "b*", "a+", "\\b"),
      fc.tuple(tie("loop"), tie("loop")).map(([one, other]) => one + other),
      fc.tuple(tie("loop"), tie("loop")).map(([one, other]) => `(?:${one}|${other})`),
      fc
        .tuple(tie("loop"), fc.constantFrom("*", "+", "?", "{2}", "{0,3}", "{3,}"))
        .map(([body, count]) => `(?:${body})${count}`),
    ),
  }));
  const units = ["a", "b", "ab", "aab"].map((unit) => `${unit.repeat(40 / unit.length)}!`);
  let accepted = 0;
  const property = fc.property(loop, (body) => {
    const pattern = `^(?:${body})*$`;
    if (refusal(() => translatePattern(pattern)) !== undefined) return true;
    accepted += 1;
    const regExp = translated(pattern);
    const start = performance.now();
    for (const text of units) regExp.test(text);
    return performance.now() - start < 1_000;
  });
  fc.assert(property, { numRuns: 2_000 });
  expect(accepted).toBeGreaterThan(100);
});
