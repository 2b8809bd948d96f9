import type { DescEnum, DescField, DescMessage, DescOneof } from "@bufbuild/protobuf";
import { getOption, isFieldSet } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence as Presence } from "@bufbuild/protobuf/wkt";
import {
  type FieldRules,
  FieldRulesSchema,
  field as fieldOption,
  Ignore,
  message as messageOption,
  oneof as oneofOption,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import type { Report } from "./contract-problem.ts";
import type { Check } from "./check.ts";
import { ruledMessages, ruledScalars } from "./ruled-types.ts";
import { checksOf, type RuledType } from "./value-checks.ts";

/** What must hold for one value: of a field, of a list's item, or of a map's key or value. */
export interface ValueRules {
  /** The checks of the value itself, in their order. */
  readonly checks: readonly Check[];
  /** The message whose own rules the value has to keep as well. */
  readonly message: DescMessage | undefined;
  /** Whether the value is passed over while it is zero. */
  readonly unlessZero: boolean;
}

/** What must hold for one field. */
export interface PlannedField {
  readonly field: DescField;
  /** Whether it must be set: not zero, not empty, not left out. */
  readonly required: boolean;
  /** Whether the rules below are passed over while the field is not set. */
  readonly unlessUnset: boolean;
  /** Of the field's value; of a list or map, of it as a whole. */
  readonly value: ValueRules;
  /** Of each key of a map. */
  readonly keys: ValueRules;
  /** Of each item of a list or value of a map. */
  readonly items: ValueRules;
}

/** Of several fields, at most one may be set. */
export interface PlannedChoice {
  readonly fields: readonly DescField[];
  /** Whether one of them must be. */
  readonly required: boolean;
}

/** What must hold for a message, besides what must hold for the messages in it. */
export interface PlannedMessage {
  readonly fields: readonly PlannedField[];
  readonly choices: readonly PlannedChoice[];
  readonly requiredOneofs: readonly DescOneof[];
}

/** Where rules come from, besides the options of protovalidate, and where problems go to. */
export interface RuleSource {
  readonly report: Report;
  /** What a field has to be, in words, where the contract says so. */
  readonly expected: (field: DescField) => string | undefined;
}

const nothing: ValueRules = { checks: [], message: undefined, unlessZero: false };

/** Reads the protovalidate rules of a message. What cannot be translated is reported. */
export function planMessage(message: DescMessage, source: RuleSource): PlannedMessage {
  const { report } = source;
  const rules = getOption(message, messageOption);
  for (const [rule, list] of [
    ["cel", rules.cel],
    ["cel_expression", rules.celExpression],
  ] as const) {
    if (list.length > 0) report(message, rule, celProblem);
  }
  for (const { no } of rules.$unknown ?? []) report(message, "message", unknownProblem(no));
  const choices = rules.oneof.map(({ fields: names, required }): PlannedChoice => {
    if (names.length === 0 || new Set(names).size < names.length) {
      report(message, "message.oneof", "must name at least one field, and none twice");
    }
    const fields = names.flatMap((name) => {
      const found = message.fields.filter((field) => field.name === name);
      if (found.length === 0) report(message, "message.oneof", `there is no field "${name}"`);
      return found;
    });
    return { fields, required };
  });
  const inChoice = new Set(rules.oneof.flatMap(({ fields }) => fields));
  return {
    fields: message.fields.map((field) => planField(field, inChoice.has(field.name), source)),
    choices,
    requiredOneofs: message.oneofs.filter((oneof) => getOption(oneof, oneofOption).required),
  };
}

function planField(field: DescField, inChoice: boolean, source: RuleSource): PlannedField {
  const { report } = source;
  const rules = getOption(field, fieldOption);
  const isOwn = field.parent.file.proto.package !== "google.protobuf";
  if (field.presence === Presence.LEGACY_REQUIRED && isOwn) {
    report(field, "required", "required fields of proto2 are not supported");
  }
  const ignoreIsSet = isFieldSet(rules, FieldRulesSchema.field.ignore);
  const ignore = !ignoreIsSet && inChoice ? Ignore.IF_ZERO_VALUE : rules.ignore;
  const plan = {
    field,
    required: false,
    unlessUnset: false,
    value: nothing,
    keys: nothing,
    items: nothing,
  };
  // Rules that never apply have to be translatable all the same: they may be switched on one day.
  const translated = { ...plan, ...planKind(field, rules, source) };
  if (ignore === Ignore.ALWAYS) return plan;
  const isRuled = rules.required || inChoice || translated.value.checks.length > 0;
  if (isRuled && losesPresence(field)) {
    report(
      field,
      rules.required ? "required" : (rules.type.case ?? "message.oneof"),
      presenceProblem,
    );
    return plan;
  }
  const hasPresence = field.presence !== Presence.IMPLICIT || field.fieldKind === "message";
  const isMany = field.fieldKind === "list" || field.fieldKind === "map";
  return {
    ...translated,
    required: rules.required,
    unlessUnset: ignore === Ignore.IF_ZERO_VALUE || (hasPresence && !isMany),
  };
}

/** ts-proto decodes a field of proto2 or of an edition as zero, or its default, where it is not set. */
function losesPresence({ fieldKind, oneof, presence, proto }: DescField): boolean {
  const isSingle = (fieldKind === "scalar" || fieldKind === "enum") && oneof === undefined;
  return isSingle && presence !== Presence.IMPLICIT && !proto.proto3Optional;
}

const presenceProblem =
  "cannot be checked, as ts-proto does not tell whether the field is set: only in proto3 it does, " +
  "and editions can do without, by `features.field_presence = IMPLICIT`";

function planKind(
  field: DescField,
  rules: FieldRules,
  source: RuleSource,
): Pick<PlannedField, "value"> & Partial<Pick<PlannedField, "keys" | "items">> {
  switch (field.fieldKind) {
    case "scalar":
      return { value: planValue(field, rules, ruledScalars[field.scalar], source) };
    case "enum":
      return { value: planValue(field, rules, "enum", source, field.enum) };
    case "message":
      return { value: planMessageValue(field, rules, field.message, source) };
    case "list": {
      const value = planValue(field, rules, "repeated", source);
      const items = rules.type.case === "repeated" ? rules.type.value.items : undefined;
      return { value, items: planItem(field, items, field, source) };
    }
    case "map": {
      const value = planValue(field, rules, "map", source);
      const map = rules.type.case === "map" ? rules.type.value : undefined;
      const keyType = ruledScalars[field.mapKey];
      return {
        value,
        keys: planPart(field, map?.keys, source, (part) => planValue(field, part, keyType, source)),
        items: planItem(field, map?.values, field, source),
      };
    }
  }
}

/** Of the items of a list, or the values of a map. */
function planItem(
  field: DescField,
  rules: FieldRules | undefined,
  type: DescField & { fieldKind: "list" | "map" },
  source: RuleSource,
): ValueRules {
  return planPart(field, rules, source, (part) => {
    if (type.message !== undefined) return planMessageValue(field, part, type.message, source);
    if (type.enum !== undefined) return planValue(field, part, "enum", source, type.enum);
    return planValue(field, part, ruledScalars[type.scalar], source);
  });
}

function planPart(
  field: DescField,
  rules: FieldRules | undefined,
  source: RuleSource,
  plan: (rules: FieldRules | undefined) => ValueRules,
): ValueRules {
  if (rules?.required === true) {
    source.report(field, "required", "has no effect on the parts of a list or map");
  }
  const planned = plan(rules);
  if (rules?.ignore === Ignore.ALWAYS) return nothing;
  return {
    ...planned,
    unlessZero: rules?.ignore === Ignore.IF_ZERO_VALUE && planned.message === undefined,
  };
}

function planMessageValue(
  field: DescField,
  rules: FieldRules | undefined,
  message: DescMessage,
  source: RuleSource,
): ValueRules {
  const planned = planValue(field, rules, ruledMessages[message.typeName], source);
  return { ...planned, message };
}

/** Of a validate.proto that is newer than the one this is written for. */
function unknownProblem(no: number): string {
  return `the rule with the number ${no} is not known, and not translated`;
}

const celProblem =
  "expressions in CEL are not translated; say it with the standard rules, or check it in the handler";

function planValue(
  field: DescField,
  rules: FieldRules | undefined,
  type: RuledType | undefined,
  source: RuleSource,
  enumeration?: DescEnum,
): ValueRules {
  if (rules === undefined) return nothing;
  for (const { no } of rules.$unknown ?? []) source.report(field, "field", unknownProblem(no));
  if (rules.cel.length > 0) source.report(field, "cel", celProblem);
  if (rules.celExpression.length > 0) source.report(field, "cel_expression", celProblem);
  const { case: given } = rules.type;
  if (given === undefined) return nothing;
  if (given !== type) {
    const expected = type === undefined ? "no rules but `required`" : `rules of the type ${type}`;
    source.report(field, given, `does not fit the field, which can have ${expected}`);
    return nothing;
  }
  const checks = checksOf(
    rules.type,
    enumeration,
    field,
    source.expected(field),
    (rule, problem) => {
      source.report(field, rule, problem);
    },
  );
  return { ...nothing, checks };
}
