import type { DescMessage } from "@bufbuild/protobuf";
import { type Check, constChecks, given, memberChecks, type Reject, show } from "./check.ts";
import { literal } from "./code-text.ts";
import type { KindOfRules } from "./value-checks.ts";

type NumberKind = Exclude<
  KindOfRules,
  {
    case:
      | "any"
      | "bool"
      | "bytes"
      | "duration"
      | "enum"
      | "fieldMask"
      | "map"
      | "repeated"
      | "string"
      | "timestamp";
  }
>;

/** A lower or an upper bound. */
export interface Bound<T> {
  /** How protovalidate calls it. */
  readonly rule: "gt" | "gte" | "lt" | "lte";
  readonly value: T;
}

/** Translates the rules of one of the twelve types of numbers. */
export function numberChecks(
  { case: type, value: rules }: NumberKind,
  schema: DescMessage,
  reject: Reject,
): Check[] {
  const lower = boundOf<number | bigint>(rules.greaterThan);
  const upper = boundOf<number | bigint>(rules.lessThan);
  for (const bound of [lower, upper]) {
    if (bound !== undefined && Number.isNaN(bound.value)) {
      reject(`${type}.${bound.rule}`, "NaN bounds nothing");
    }
  }
  return [
    ...constChecks(type, given(schema, rules, "const")),
    ...rangeChecks<number | bigint>(type, lower, upper, show),
    ...memberChecks<number | bigint>(type, rules.in, rules.notIn),
    ...("finite" in rules && rules.finite
      ? [
          {
            rule: `${type}.finite`,
            description: "must be a finite number",
            breaks: (code: string) => `!Number.isFinite(${code})`,
          },
        ]
      : []),
  ];
}

/** A bound as the rules have it, or undefined where there is none. */
export function boundOf<T>(
  oneof: { case: Bound<T>["rule"]; value: T } | { case: undefined; value?: undefined },
): Bound<T> | undefined {
  return oneof.case === undefined ? undefined : { rule: oneof.case, value: oneof.value };
}

const operators = { gt: ">", gte: ">=", lt: "<", lte: "<=" } as const;
const words = { gt: "more than", gte: "at least", lt: "less than", lte: "at most" } as const;

/**
 * The check of a lower and an upper bound. Where the lower one is above the upper one, the values
 * between them are what is refused. Each check says what must hold, so that NaN breaks it.
 */
export function rangeChecks<T extends number | bigint>(
  type: string,
  lower: Bound<T> | undefined,
  upper: Bound<T> | undefined,
  shown: (value: T) => string,
): Check[] {
  const phrase = ({ rule, value }: Bound<T>): string => `${words[rule]} ${shown(value)}`;
  const holds = (code: string, { rule, value }: Bound<T>): string =>
    `${code} ${operators[rule]} ${literal(value)}`;
  if (lower !== undefined && upper !== undefined) {
    const outside = upper.value < lower.value;
    const inclusive = lower.rule === "gte" && upper.rule === "lte" && !outside;
    return [
      {
        rule: `${type}.${lower.rule}_${upper.rule}${outside ? "_exclusive" : ""}`,
        description: inclusive
          ? `must be ${shown(lower.value)} to ${shown(upper.value)}`
          : `must be ${phrase(lower)} ${outside ? "or" : "and"} ${phrase(upper)}`,
        breaks: (code) => `!(${holds(code, lower)} ${outside ? "||" : "&&"} ${holds(code, upper)})`,
      },
    ];
  }
  const bound = lower ?? upper;
  if (bound === undefined) return [];
  return [
    {
      rule: `${type}.${bound.rule}`,
      description: `must be ${phrase(bound)}`,
      breaks: (code) => `!(${holds(code, bound)})`,
    },
  ];
}
