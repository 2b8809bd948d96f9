/**
 * Compares protovalidate's rules of the messages that callers send. Those of messages that only
 * servers send are not enforced, so that nobody notices when they change.
 */
import {
  type DescField,
  type DescMessage,
  type DescOneof,
  type FileRegistry,
  getOption,
} from "@bufbuild/protobuf";
import {
  field as fieldOption,
  message as messageOption,
  type MessageOneofRule,
  oneof as oneofOption,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { type Finding, findingAt } from "./contract-finding.ts";
import { isIgnored, narrowerField, refusesUnset } from "./field-narrowing.ts";
import { showRules } from "./unread-rules.ts";

/** Finds the messages that callers of the base may send, and that are refused now. */
export function narrowerMessages(base: FileRegistry, current: FileRegistry): Finding[] {
  return requestMessages(base, current).flatMap(([before, now]) => [
    ...now.fields.flatMap((field) => narrowerFieldFindings(fieldOf(before, field), field)),
    ...narrowerOneofs(before, now),
    ...narrowerChoices(before, now),
    ...narrowerExpressions(before, now),
  ]);
}

/** The messages that callers of the base send, with what they are now: requests, and what is in them. */
function requestMessages(base: FileRegistry, current: FileRegistry): [DescMessage, DescMessage][] {
  const reached = new Set<DescMessage>();
  for (const service of base) {
    if (service.kind !== "service") continue;
    for (const { input } of service.methods) reached.add(input);
  }
  const pairs: [DescMessage, DescMessage][] = [];
  // The loop also visits what is added meanwhile.
  for (const before of reached) {
    const now = current.getMessage(before.typeName);
    if (now === undefined) continue;
    pairs.push([before, now]);
    for (const field of before.fields) {
      const fieldNow = fieldOf(now, field);
      if (field.message === undefined || isIgnored(field)) continue;
      if (fieldNow !== undefined && !isIgnored(fieldNow)) reached.add(field.message);
    }
  }
  return pairs;
}

/** To programs, a field is its number. */
function fieldOf(message: DescMessage, { number }: DescField): DescField | undefined {
  return message.fields.find((field) => field.number === number);
}

function narrowerFieldFindings(before: DescField | undefined, now: DescField): Finding[] {
  const rules = showRules(getOption(now, fieldOption));
  if (before === undefined) {
    const refused = refusesUnset(now);
    if (refused === false) return [];
    const problem = refused === true ? "is refused" : "may be refused: that cannot be told";
    return [
      findingAt(now, "FIELD_ADDED_REQUIRED", [
        `The field is new, and a message without it ${problem}.`,
        `is: ${rules}`,
        "Callers that do not know the field leave it out: let its rules accept that, for example",
        "with `ignore: IGNORE_IF_ZERO_VALUE`.",
      ]),
    ];
  }
  const problems = narrowerField(before, now);
  if (problems.length === 0) return [];
  const was = showRules(getOption(before, fieldOption));
  return [
    findingAt(now, "FIELD_RULE_TIGHTENED", [
      `The field accepts less: ${problems.join("; ")}.`,
      `was: ${was}`,
      `is:  ${rules}`,
    ]),
  ];
}

function narrowerOneofs(before: DescMessage, now: DescMessage): Finding[] {
  return now.oneofs.flatMap((oneof) => {
    const old = before.oneofs.find(({ name }) => name === oneof.name);
    if (!isRequired(oneof) || (old !== undefined && isRequired(old))) return [];
    return [findingAt(oneof, "ONEOF_REQUIRED", ["One of its fields has to be set now."])];
  });
}

function isRequired(oneof: DescOneof): boolean {
  return getOption(oneof, oneofOption).required;
}

/** Compares the rules that of several fields at most one, or exactly one, is set. */
function narrowerChoices(before: DescMessage, now: DescMessage): Finding[] {
  const old = getOption(before, messageOption).oneof;
  const current = getOption(now, messageOption).oneof;
  return current.flatMap((choice) => {
    const problems: string[] = [];
    const known = now.fields
      .filter((field) => choice.fields.includes(field.name))
      .flatMap((field) => fieldOf(before, field) ?? []);
    for (const [index, one] of known.entries()) {
      for (const other of known.slice(index + 1)) {
        if (wereExclusive(one, other, old)) continue;
        problems.push(`${one.name} and ${other.name} can no longer be set together`);
      }
    }
    if (choice.required && !wasOneNeeded(before, choice, old)) {
      problems.push(`one of ${choice.fields.join(", ")} has to be set now`);
    }
    if (problems.length === 0) return [];
    return [
      findingAt(now, "MESSAGE_ONEOF_TIGHTENED", [
        `The message accepts less: ${problems.join("; ")}.`,
      ]),
    ];
  });
}

function wereExclusive(
  one: DescField,
  other: DescField,
  old: readonly MessageOneofRule[],
): boolean {
  if (one.oneof !== undefined && one.oneof === other.oneof) return true;
  return old.some(({ fields }) => fields.includes(one.name) && fields.includes(other.name));
}

function wasOneNeeded(
  before: DescMessage,
  { fields }: MessageOneofRule,
  old: readonly MessageOneofRule[],
): boolean {
  return (
    old.some((each) => each.required && each.fields.every((name) => fields.includes(name))) ||
    before.fields.some((field) => fields.includes(field.name) && refusesUnset(field) === true) ||
    before.oneofs.some(
      (oneof) => isRequired(oneof) && oneof.fields.every(({ name }) => fields.includes(name)),
    )
  );
}

/** An expression in CEL can only be told to be one that was there before. */
function narrowerExpressions(before: DescMessage, now: DescMessage): Finding[] {
  const old = expressionsOf(before);
  const added = expressionsOf(now).filter((expression) => !old.includes(expression));
  return added.map((expression) =>
    findingAt(now, "MESSAGE_RULE_ADDED", [
      `Cannot tell whether this is looser than what the message had to meet: ${expression}`,
    ]),
  );
}

function expressionsOf(message: DescMessage): string[] {
  const { cel, celExpression, $unknown = [] } = getOption(message, messageOption);
  return [
    ...cel.map(({ expression }) => expression),
    ...celExpression,
    ...$unknown.map(({ no, data }) => `the rule ${no}, ${Buffer.from(data).toString("hex")}`),
  ];
}
