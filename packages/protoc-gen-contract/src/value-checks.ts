import type { DescEnum, DescField, DescMessage } from "@bufbuild/protobuf";
import {
  BoolRulesSchema,
  DoubleRulesSchema,
  type EnumRules,
  EnumRulesSchema,
  type FieldMaskRules,
  type FieldRules,
  FieldRulesSchema,
  MapRulesSchema,
  RepeatedRulesSchema,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { bytesChecks } from "./bytes-checks.ts";
import {
  type Check,
  constChecks,
  count,
  given,
  memberChecks,
  type Reject,
  type Surroundings,
} from "./check.ts";
import { listLiteral, quoted } from "./code-text.ts";
import { numberChecks } from "./number-checks.ts";
import { stringChecks } from "./string-checks.ts";
import { durationChecks, timestampChecks } from "./time-checks.ts";

/** Rules of some kind. */
export type KindOfRules = Exclude<FieldRules["type"], { case: undefined }>;

/** The kinds of rules that there are. */
export type RuledType = KindOfRules["case"];

/** Translates rules into the checks that they ask for, in the order in which protovalidate makes them. */
export function checksOf(
  rules: KindOfRules,
  enumeration: DescEnum | undefined,
  field: DescField,
  expected: string | undefined,
  reject: Reject,
): Check[] {
  for (const { no } of rules.value.$unknown ?? []) {
    reject(rules.case, `the predefined rule with the number ${no} is not translated`);
  }
  switch (rules.case) {
    case "bool":
      return constChecks("bool", given(BoolRulesSchema, rules.value, "const"));
    case "string":
      return stringChecks(rules.value, expected, reject);
    case "bytes":
      return bytesChecks(rules.value, reject);
    case "enum":
      return enumChecks(rules.value, enumeration);
    case "repeated": {
      const { unique } = rules.value;
      if (unique && field.message !== undefined) {
        reject("repeated.unique", "is not translated for messages");
      }
      const length: Size = (code) => `${code}.length`;
      return [
        ...atLeast(
          "repeated.min_items",
          given(RepeatedRulesSchema, rules.value, "minItems"),
          length,
        ),
        ...atMost(
          "repeated.max_items",
          given(RepeatedRulesSchema, rules.value, "maxItems"),
          length,
        ),
        ...(unique ? [uniqueCheck] : []),
      ];
    }
    case "map": {
      const size: Size = (code, ts) => `${ts.use("sizeOf")}(${code})`;
      return [
        ...atLeast("map.min_pairs", given(MapRulesSchema, rules.value, "minPairs"), size),
        ...atMost("map.max_pairs", given(MapRulesSchema, rules.value, "maxPairs"), size),
      ];
    }
    case "any":
      return memberChecks("any", rules.value.in, rules.value.notIn).map((member) => ({
        ...member,
        description: `type URL ${member.description}`,
        breaks: (code, ts) => member.breaks(`${code}.typeUrl`, ts),
      }));
    case "fieldMask":
      return fieldMaskChecks(rules.value);
    case "duration":
      return durationChecks(rules.value);
    case "timestamp":
      return timestampChecks(rules.value);
    default:
      return numberChecks(rules, schemaOf(rules.case), reject);
  }
}

function schemaOf(type: RuledType): DescMessage {
  return FieldRulesSchema.field[type].message ?? DoubleRulesSchema;
}

const uniqueCheck: Check = {
  rule: "repeated.unique",
  description: "must not repeat an item",
  breaks: (code, ts) => `!${ts.use("isUnique")}(${code})`,
};

type Size = (code: string, ts: Surroundings) => string;

function atLeast(rule: string, n: bigint | undefined, size: Size): Check[] {
  if (n === undefined) return [];
  const description = n === 1n ? "must not be empty" : `must have at least ${things(rule, n)}`;
  return [{ rule, description, breaks: (code, ts) => `${size(code, ts)} < ${n}` }];
}

function atMost(rule: string, n: bigint | undefined, size: Size): Check[] {
  if (n === undefined) return [];
  const description = `must have at most ${things(rule, n)}`;
  return [{ rule, description, breaks: (code, ts) => `${size(code, ts)} > ${n}` }];
}

function things(rule: string, n: bigint): string {
  return rule.startsWith("map") ? count(n, "entry", "entries") : count(n, "item");
}

function enumChecks(rules: EnumRules, enumeration: DescEnum | undefined): Check[] {
  const defined = enumeration?.values ?? [];
  const name = (number: number): string =>
    defined.find((value) => value.number === number)?.name ?? String(number);
  const names = (numbers: readonly number[]): string => numbers.map(name).join(", ");
  const numbers = (list: readonly number[]): string => `[${list.join(", ")}]`;
  const known = defined.map(({ number }) => number);
  const value = given(EnumRulesSchema, rules, "const");
  return [
    ...check(rules.definedOnly, {
      rule: "enum.defined_only",
      description: `must be one of ${names(known)}`,
      breaks: (code, ts) => `!${ts.use("isIn")}(${code}, ${ts.hoist(numbers(known))})`,
    }),
    ...check(value !== undefined, {
      rule: "enum.const",
      description: `must be ${name(value ?? 0)}`,
      breaks: (code, ts) => `!${ts.use("isIn")}(${code}, ${ts.hoist(numbers([value ?? 0]))})`,
    }),
    ...check(rules.in.length > 0, {
      rule: "enum.in",
      description: `must be one of ${names(rules.in)}`,
      breaks: (code, ts) => `!${ts.use("isIn")}(${code}, ${ts.hoist(numbers(rules.in))})`,
    }),
    ...check(rules.notIn.length > 0, {
      rule: "enum.not_in",
      description: `must not be any of ${names(rules.notIn)}`,
      breaks: (code, ts) => `${ts.use("isIn")}(${code}, ${ts.hoist(numbers(rules.notIn))})`,
    }),
  ];
}

function fieldMaskChecks(rules: FieldMaskRules): Check[] {
  const listOf = (paths: readonly string[]): string => listLiteral(paths.map(quoted));
  const exact = rules.const?.paths;
  return [
    ...check(exact !== undefined, {
      rule: "field_mask.const",
      description: `must have the paths ${(exact ?? []).join(", ")}`,
      breaks: (code, ts) => `!${ts.use("isSameList")}(${code}, ${ts.hoist(listOf(exact ?? []))})`,
    }),
    ...check(rules.in.length > 0, {
      rule: "field_mask.in",
      description: `must only have paths in ${rules.in.join(", ")}`,
      breaks: (value, ts) =>
        `!${value}.every((path) => ${ts.use("isPathIn")}(path, ${ts.hoist(listOf(rules.in))}))`,
    }),
    ...check(rules.notIn.length > 0, {
      rule: "field_mask.not_in",
      description: `must not have a path in ${rules.notIn.join(", ")}`,
      breaks: (value, ts) =>
        `${value}.some((path) => ${ts.use("isPathIn")}(path, ${ts.hoist(listOf(rules.notIn))}))`,
    }),
  ];
}

function check(wanted: boolean, translated: Check): Check[] {
  return wanted ? [translated] : [];
}
