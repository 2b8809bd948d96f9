/** Compares protovalidate's rules of a field: which messages were accepted, and are not any more? */
import { type DescField, type DescMessage, getOption, isFieldSet } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence as Presence } from "@bufbuild/protobuf/wkt";
import {
  type FieldRules,
  FieldRulesSchema,
  field as fieldOption,
  Ignore,
  message as messageOption,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { acceptsZero, narrowerValues, valueRules } from "./value-narrowing.ts";

/** The rules of a field, of the items of a list, or of the keys or values of a map. */
interface Place {
  readonly rules: FieldRules | undefined;
  readonly ignore: Ignore;
  readonly required: boolean;
}

/** What stands in a place. */
interface Occupant {
  readonly enumeration: { readonly base: DescField["enum"]; readonly current: DescField["enum"] };
  readonly message: DescMessage | undefined;
  /** Whether it can be left out, and how: as its zero value, or as nothing at all. */
  readonly unset: "zero" | "nothing" | "never";
}

/** Whether the messages in a field are held to no rules at all. */
export function isIgnored(field: DescField): boolean {
  return placeOf(field).ignore === Ignore.ALWAYS;
}

/** Says what a field that exists in both contracts no longer accepts, as clauses. */
export function narrowerField(base: DescField, current: DescField): string[] {
  const [before, now] = [placeOf(base), placeOf(current)];
  if (now.ignore === Ignore.ALWAYS) return [];
  const part = (of: string, read: (rules: FieldRules | undefined) => FieldRules | undefined) =>
    narrowerPlace(
      partOf(before.ignore === Ignore.ALWAYS ? undefined : read(before.rules)),
      partOf(read(now.rules)),
      {
        enumeration: of === "keys" ? none : { base: base.enum, current: current.enum },
        message: of === "keys" ? undefined : current.message,
        unset: "never",
      },
    ).map((problem) => `${of}: ${problem}`);
  const isMany = current.fieldKind === "list" || current.fieldKind === "map";
  const problems = narrowerPlace(before, now, {
    enumeration: isMany ? none : { base: base.enum, current: current.enum },
    message: isMany ? undefined : current.message,
    unset: isZeroUnset(current) ? "zero" : "nothing",
  });
  if (current.fieldKind === "list") problems.push(...part("items", itemsOf));
  if (current.fieldKind === "map") {
    problems.push(...part("keys", keysOf), ...part("values", valuesOf));
  }
  return problems;
}

const none = { base: undefined, current: undefined };

/** Whether a message must have a field that callers did not know: they leave it out. */
export function refusesUnset(field: DescField): boolean | "unknown" {
  const place = placeOf(field);
  if (place.ignore === Ignore.ALWAYS) return false;
  if (!isZeroUnset(field)) return place.required;
  const verdict = zeroVerdict(place, valueRules(place.rules, undefined, field.enum), "zero");
  return verdict === undefined ? "unknown" : !verdict;
}

/** The rules of a field, with the meaning that `ignore` has where it is not given. */
function placeOf(field: DescField): Place {
  const rules = getOption(field, fieldOption);
  const { oneof } = getOption(field.parent, messageOption);
  const isGiven = isFieldSet(rules, FieldRulesSchema.field.ignore);
  const inChoice = oneof.some(({ fields }) => fields.includes(field.name));
  const ignore = !isGiven && inChoice ? Ignore.IF_ZERO_VALUE : rules.ignore;
  return { rules, ignore, required: rules.required };
}

/** In a list or map, `required` means nothing. */
function partOf(rules: FieldRules | undefined): Place {
  return { rules, ignore: rules?.ignore ?? Ignore.UNSPECIFIED, required: false };
}

function itemsOf(rules: FieldRules | undefined): FieldRules | undefined {
  return rules?.type.case === "repeated" ? rules.type.value.items : undefined;
}

function keysOf(rules: FieldRules | undefined): FieldRules | undefined {
  return rules?.type.case === "map" ? rules.type.value.keys : undefined;
}

function valuesOf(rules: FieldRules | undefined): FieldRules | undefined {
  return rules?.type.case === "map" ? rules.type.value.values : undefined;
}

function isZeroUnset(field: DescField): boolean {
  if (field.fieldKind === "list" || field.fieldKind === "map") return true;
  return field.fieldKind !== "message" && field.presence === Presence.IMPLICIT;
}

function narrowerPlace(before: Place, now: Place, occupant: Occupant): string[] {
  if (now.ignore === Ignore.ALWAYS) return [];
  const { enumeration, message, unset } = occupant;
  const wasIgnored = before.ignore === Ignore.ALWAYS;
  const ruledBefore = wasIgnored ? undefined : before.rules;
  const kind = now.rules?.type.case ?? ruledBefore?.type.case;
  const rulesBefore = valueRules(ruledBefore, kind, enumeration.base);
  const rulesNow = valueRules(now.rules, kind, enumeration.current);
  const zeroApart = message === undefined && unset !== "nothing";
  const problems = narrowerValues(rulesBefore, rulesNow, zeroApart);
  if (unset === "nothing" && now.required && (wasIgnored || !before.required)) {
    problems.push("it is required now");
  }
  if (zeroApart) {
    const was = wasIgnored || zeroVerdict(before, rulesBefore, unset);
    const is = zeroVerdict(now, rulesNow, unset);
    const isNarrower = was !== false && (is === false || (is === undefined && was === true));
    if (isNarrower && now.required) problems.push("it is required now");
    else if (isNarrower && is === false) problems.push("its zero value is no longer accepted");
    else if (isNarrower && problems.length === 0) {
      problems.push("cannot tell whether its zero value is still accepted");
    }
  }
  if (wasIgnored && message !== undefined && message.file.proto.package !== "google.protobuf") {
    problems.push(`the rules of ${message.typeName} are no longer ignored`);
  }
  return problems;
}

/** Whether the zero value is accepted; undefined where that cannot be told. */
function zeroVerdict(
  { ignore, required }: Place,
  rules: Parameters<typeof acceptsZero>[0],
  unset: Occupant["unset"],
): boolean | undefined {
  if (required && unset === "zero") return false;
  return ignore === Ignore.IF_ZERO_VALUE || acceptsZero(rules);
}
