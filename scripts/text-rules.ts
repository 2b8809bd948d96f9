/** Reads and compares protovalidate's rules of texts. Bytes are a text with one character for each. */
import type { JsonValue } from "@bufbuild/protobuf";
import { plain, type RulesKind, take, type UnreadRules } from "./unread-rules.ts";

/** Which texts are accepted, whatever their lengths. */
export interface TextRules {
  /** The only texts accepted, if they are listed. */
  readonly only: readonly string[] | undefined;
  readonly never: readonly string[];
  readonly prefix: string;
  readonly suffix: string;
  readonly contains: string;
  readonly notContains: string | undefined;
}

/** Reads which texts rules of a kind accept. Of what is no text, all are. */
export function textRules(kind: RulesKind, unread: UnreadRules): TextRules {
  const isText = kind === "string" || kind === "bytes" || kind === "any";
  const rules: UnreadRules = isText ? unread : new Map();
  const text = (value: JsonValue): string =>
    kind === "bytes" ? Buffer.from(plain(value), "base64").toString("latin1") : plain(value);
  const texts = (value: JsonValue): string[] => (Array.isArray(value) ? value.map(text) : []);
  const constant = take(rules, "const", text);
  const listed = take(rules, "in", texts);
  return {
    only:
      constant === undefined ? listed : (listed ?? [constant]).filter((each) => each === constant),
    never: take(rules, "not_in", texts) ?? [],
    prefix: take(rules, "prefix", text) ?? "",
    suffix: take(rules, "suffix", text) ?? "",
    contains: take(rules, "contains", text) ?? "",
    notContains: take(rules, "not_contains", text),
  };
}

/** Whether a text is accepted. */
export function acceptsText(rules: TextRules, text: string): boolean {
  return (
    (rules.only?.includes(text) ?? true) &&
    !rules.never.includes(text) &&
    text.startsWith(rules.prefix) &&
    text.endsWith(rules.suffix) &&
    text.includes(rules.contains) &&
    (rules.notContains === undefined || !text.includes(rules.notContains))
  );
}

/**
 * Says which texts are no longer accepted, as clauses. `wasAccepted` tells it of one text, with the
 * rules that are not about texts alone.
 */
export function narrowerTexts(
  base: TextRules,
  current: TextRules,
  wasAccepted: (text: string) => boolean,
): string[] {
  const problems: string[] = [];
  if (current.only !== undefined) problems.push("only listed texts are accepted");
  for (const text of current.never.filter(wasAccepted)) {
    problems.push(`${JSON.stringify(text)} is no longer accepted`);
  }
  if (!base.prefix.startsWith(current.prefix)) problems.push("prefix: another one is needed");
  if (!base.suffix.endsWith(current.suffix)) problems.push("suffix: another one is needed");
  const surelyThere = [base.contains, base.prefix, base.suffix];
  if (!surelyThere.some((text) => text.includes(current.contains))) {
    problems.push("contains: another text is needed");
  }
  const { notContains } = current;
  if (
    notContains !== undefined &&
    (base.notContains === undefined || !notContains.includes(base.notContains))
  ) {
    problems.push("not_contains: another text is refused");
  }
  return problems;
}
