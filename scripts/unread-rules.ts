import { type JsonValue, toJson } from "@bufbuild/protobuf";
import {
  type FieldRules,
  FieldRulesSchema,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

/** What a kind of rules is called: `string`, `int32`, … */
export type RulesKind = Exclude<FieldRules["type"]["case"], undefined>;

/**
 * Rules of one kind in protobuf's JSON, by the names that they have in .proto files. Who understands
 * a rule takes it out, so that what nobody understands is left.
 */
export type UnreadRules = Map<string, JsonValue>;

/** What is compared as rules of its own, or is no rule at all. */
const passedOver = new Set(["items", "keys", "values", "example"]);

/** The rules that there are of a kind. */
export function unreadRules(rules: FieldRules | undefined, kind: RulesKind): UnreadRules {
  const ofKind = entriesOf(rules).find(([name]) => name === FieldRulesSchema.field[kind].name);
  const own = typeof ofKind?.[1] === "object" ? Object.entries(ofKind[1] ?? {}) : [];
  return new Map(own.filter(([rule]) => !passedOver.has(rule)));
}

/** Takes a rule out, read from its JSON; undefined where it is not there. */
export function take<T>(
  unread: UnreadRules,
  rule: string,
  read: (value: JsonValue) => T,
): T | undefined {
  const value = unread.get(rule);
  unread.delete(rule);
  return value === undefined ? undefined : read(value);
}

/** What a number or a text in JSON says. Numbers of 64 bits are texts there. */
export function plain(value: JsonValue): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Rules as one line, much like .proto files have them. */
export function showRules(rules: FieldRules | undefined): string {
  const entries = entriesOf(rules);
  return entries.length === 0 ? "no rules" : show(Object.fromEntries(entries));
}

/** The rules whose values are texts in JSON only because they have 64 bits. */
const sized = /(?:^|_)(?:len|bytes|items|pairs)$/;

function show(value: JsonValue, name = ""): string {
  if (Array.isArray(value)) return `[${value.map((each) => show(each)).join(", ")}]`;
  if (typeof value !== "object" || value === null) {
    return sized.test(name) ? plain(value) : JSON.stringify(value);
  }
  const entries = Object.entries(value);
  return `{ ${entries.map(([key, each]) => `${key}: ${show(each, key)}`).join(", ")} }`;
}

function entriesOf(rules: FieldRules | undefined): [string, JsonValue][] {
  const json = rules && toJson(FieldRulesSchema, rules, { useProtoFieldName: true });
  return typeof json === "object" && json !== null ? Object.entries(json) : [];
}
