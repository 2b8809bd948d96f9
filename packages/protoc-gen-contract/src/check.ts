import { type DescMessage, isFieldSet, type Message } from "@bufbuild/protobuf";
import { literal } from "./code-text.ts";
import type * as rules from "./runtime/contract-rules.ts";
import type * as formats from "./runtime/string-formats.ts";

/** One check of a value. */
export interface Check {
  /** protovalidate's id of the rule: `string.min_len`. */
  readonly rule: string;
  /** What the value has to be, as a phrase that can follow the field's path. */
  readonly description: string;
  /** The code of an expression that is true where the value, given as code, breaks the rule. */
  readonly breaks: (value: string, ts: Surroundings) => string;
}

/** What a piece of code can have from the file that it becomes part of. */
export interface Surroundings {
  /** Has an expression evaluated once, where the code is loaded; gives the name of its value. */
  hoist(expression: string): string;
  /** Imports a function of the runtime's; gives its name. */
  use(helper: Helper): string;
}

/** The functions of runtime/contract-rules.ts and runtime/string-formats.ts. */
export type Helper = Extract<keyof typeof rules | keyof typeof formats, string>;

/** Reports a rule that cannot be translated. */
export type Reject = (rule: string, problem: string) => void;

/** The value of a rule, or undefined where it is not given: in proto2 `0` is not the same as nothing. */
export function given<M extends Message, K extends keyof M>(
  schema: DescMessage,
  rules: M,
  name: K,
): M[K] | undefined {
  const field = schema.fields.find(({ localName }) => localName === name);
  return field !== undefined && isFieldSet(rules, field) ? rules[name] : undefined;
}

type Scalar = number | bigint | boolean | string;

/** A value as people read it. */
export function show(value: Scalar): string {
  // Grouped where that helps to read it.
  if (typeof value === "bigint") return value.toLocaleString("en");
  return Number.isSafeInteger(value) ? Number(value).toLocaleString("en") : literal(value);
}

/** The check of `const`, for what `===` compares. */
export function constChecks(type: string, value: Scalar | undefined): Check[] {
  if (value === undefined) return [];
  return [
    {
      rule: `${type}.const`,
      description: `must be ${show(value)}`,
      breaks: (code) => `${code} !== ${literal(value)}`,
    },
  ];
}

/** The checks of `in` and `not_in`, for what `===` compares. */
export function memberChecks<T extends Scalar>(
  type: string,
  wanted: readonly T[],
  unwanted: readonly T[],
  shown: (value: T) => string = show,
): Check[] {
  const code = (values: readonly T[]): string => `[${values.map(literal).join(", ")}]`;
  const checks: Check[] = [];
  if (wanted.length > 0) {
    checks.push({
      rule: `${type}.in`,
      description: `must be one of ${wanted.map(shown).join(", ")}`,
      breaks: (value, ts) => `!${ts.use("isIn")}(${value}, ${ts.hoist(code(wanted))})`,
    });
  }
  if (unwanted.length > 0) {
    checks.push({
      rule: `${type}.not_in`,
      description: `must not be any of ${unwanted.map(shown).join(", ")}`,
      breaks: (value, ts) => `${ts.use("isIn")}(${value}, ${ts.hoist(code(unwanted))})`,
    });
  }
  return checks;
}

/** A number of things: `1 item`, `2 items`. */
export function count(number: bigint, singular: string, plural = `${singular}s`): string {
  return `${number.toLocaleString("en")} ${number === 1n ? singular : plural}`;
}
