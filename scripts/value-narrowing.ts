/** Compares protovalidate's rules of a value: what was accepted, and is not any more? */
import type { DescEnum } from "@bufbuild/protobuf";
import type { FieldRules } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { type AcceptedNumbers, numberRules } from "./number-rules.ts";
import { everything, has, type NumberSet, points, showSet, without } from "./number-set.ts";
import { acceptsText, narrowerTexts, type TextRules, textRules } from "./text-rules.ts";
import { type RulesKind, unreadRules } from "./unread-rules.ts";

/** What rules accept. */
export interface ValueRules {
  readonly kind: RulesKind | undefined;
  readonly numbers: readonly AcceptedNumbers[];
  readonly text: TextRules | undefined;
  /** The rules that can only be told to be the same or not: by name, their values. */
  readonly others: ReadonlyMap<string, string>;
}

/**
 * Reads what the rules of a value accept. `fallback` is the kind that they have where there are
 * none; `enumeration` is the value's type, if it is an enum.
 */
export function valueRules(
  rules: FieldRules | undefined,
  fallback: RulesKind | undefined,
  enumeration: DescEnum | undefined,
): ValueRules {
  const kind = rules?.type.case ?? fallback;
  const others = new Map<string, string>();
  const expressions = [
    ...(rules?.cel.map((rule) => rule.expression) ?? []),
    ...(rules?.celExpression ?? []),
  ];
  for (const expression of expressions) others.set(`cel ${expression}`, "");
  // Predefined rules, and rules of a later version of protovalidate.
  for (const { no, data } of [...(rules?.$unknown ?? []), ...(rules?.type.value?.$unknown ?? [])]) {
    others.set(`the rule with the number ${no}`, Buffer.from(data).toString("hex"));
  }
  if (kind === undefined) return { kind, numbers: [], text: undefined, others };
  const unread = unreadRules(rules, kind);
  const numbers = numberRules(kind, unread, enumeration);
  const text = textRules(kind, unread);
  const isLoose = unread.get("strict") === false;
  unread.delete("strict");
  for (const [rule, value] of unread) {
    if (value === false || value === "KNOWN_REGEX_UNSPECIFIED") continue;
    others.set(rule, JSON.stringify(value));
    if (rule === "well_known_regex" && !isLoose) others.set("strict", "true");
  }
  return { kind, numbers, text, others };
}

/**
 * Says what was accepted and is not any more, as clauses; none where nothing is. With `zeroApart`,
 * what stands for nothing is left out: 0, the empty text, the empty list.
 */
export function narrowerValues(
  base: ValueRules,
  current: ValueRules,
  zeroApart: boolean,
): string[] {
  const problems = narrowerOthers(base.others, current.others);
  if (base.kind !== current.kind) {
    return [...problems, "cannot tell whether rules of another kind are looser"];
  }
  const wasAccepted = (text: string): boolean => !(zeroApart && text === "") && accepts(base, text);
  const listed = base.text?.only;
  if (listed !== undefined) {
    const lost = listed.filter((text) => wasAccepted(text) && !accepts(current, text));
    return [...problems, ...lost.map((text) => `${JSON.stringify(text)} is no longer accepted`)];
  }
  for (const { of, accepted, zero } of base.numbers) {
    const now = current.numbers.find((each) => each.of === of)?.accepted ?? everything;
    const left: NumberSet = zeroApart && zero !== undefined ? points([zero]) : [];
    const lost = without(without(accepted, now), left);
    if (lost.length > 0) problems.push(`${of} no longer accepted: ${showSet(lost)}`);
  }
  if (base.text !== undefined && current.text !== undefined) {
    problems.push(...narrowerTexts(base.text, current.text, wasAccepted));
  }
  return problems;
}

function narrowerOthers(
  base: ReadonlyMap<string, string>,
  current: ReadonlyMap<string, string>,
): string[] {
  return [...current].flatMap(([rule, value]) => {
    const before = base.get(rule);
    if (before === value) return [];
    return before === undefined
      ? [`${rule} is new`]
      : [`cannot tell whether ${rule} is looser than it was`];
  });
}

/** Whether a text has what can be decided of the rules. */
function accepts({ numbers, text: rules }: ValueRules, text: string): boolean {
  const sized = numbers.every(
    ({ accepted, count }) => count === undefined || has(accepted, count(text)),
  );
  return sized && (rules === undefined || acceptsText(rules, text));
}

/** Whether what stands for nothing is accepted; undefined where that cannot be told. */
export function acceptsZero({ kind, numbers, text, others }: ValueRules): boolean | undefined {
  if (numbers.some(({ accepted, zero }) => zero !== undefined && !has(accepted, zero))) {
    return false;
  }
  if (text !== undefined && !acceptsText(text, "")) return false;
  const verdicts = [...others].map(([rule, value]) => acceptsEmpty(kind, rule, value));
  if (verdicts.includes(false)) return false;
  return verdicts.includes(undefined) ? undefined : true;
}

function acceptsEmpty(
  kind: RulesKind | undefined,
  rule: string,
  value: string,
): boolean | undefined {
  if (kind === "repeated" && rule === "unique") return true;
  if (kind !== "string" && kind !== "bytes") return undefined;
  switch (rule) {
    case "pattern":
      return matchesEmpty(value);
    case "uri_ref":
    case "strict":
      return true;
    case "well_known_regex":
      return value.includes("VALUE");
    default:
      // All other formats have a rule of their own that refuses the empty text.
      return value === "true" ? false : undefined;
  }
}

/** Whether a pattern, in JSON, matches the empty text. Most of RE2's syntax means the same here. */
function matchesEmpty(pattern: string): boolean | undefined {
  try {
    return new RegExp(String(JSON.parse(pattern)), "u").test("");
  } catch {
    return undefined;
  }
}
