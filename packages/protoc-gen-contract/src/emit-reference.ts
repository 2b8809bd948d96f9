import type { DescEnum, DescField, DescMessage, DescMethod } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { commentOf } from "./comments.ts";
import type { ContractPlan } from "./contract-plan.ts";
import type { PlannedService } from "./emit-policy.ts";
import type { PlannedField } from "./field-rules.ts";
import { codeNames, type MethodPolicy, type RetryPolicy } from "./policy.ts";

/** Writes the reference page of a service: what its contract says, for people. */
export function emitReference(
  { service, policy, methods }: PlannedService,
  plan: ContractPlan,
): { name: string; content: string } {
  const messages = new Set(methods.flatMap(({ method }) => [method.input, method.output]));
  for (const message of messages) {
    for (const { message: inner } of message.fields) {
      if (inner?.file.proto.package === service.file.proto.package) messages.add(inner);
    }
  }
  const enums = new Set(
    [...messages].flatMap(({ fields }) => fields.flatMap((field) => field.enum ?? [])),
  );
  const aliases = policy.aliases.map((alias) => `\`${alias}\``).join(", ");
  const paragraphs = [
    `# ${service.name}`,
    `\`${service.typeName}\`, from \`${service.file.proto.name}\`.${aliases === "" ? "" : ` Answers to ${aliases} as well.`}`,
    commentOf(service),
    table(
      ["method", "kind", "who may call it", "deadline: default, at most", "retried"],
      methods.map(({ method, policy: each }) => [
        link(method.name),
        kindOf(method),
        accessOf(each),
        `${seconds(each.defaultTimeoutMs)}, ${seconds(each.maxTimeoutMs)}`,
        isRetried(each, policy.retry) ? "yes" : "no",
      ]),
    ),
    ...retryText(policy.retry),
    "## Methods",
    ...methods.flatMap(({ method, policy: each }) => methodText(method, each)),
    "## Messages",
    ...[...messages].flatMap((message) => messageText(message, plan, messages)),
    ...(enums.size > 0 ? ["## Enums", ...[...enums].flatMap(enumText)] : []),
  ];
  const content = `${paragraphs.filter((paragraph) => paragraph !== "").join("\n\n")}\n`;
  return { name: `${service.typeName}.md`, content };
}

function methodText(method: DescMethod, policy: MethodPolicy): string[] {
  const { input, output } = method;
  const failures = policy.reasons.map(({ name, code, description }) => [
    `\`${name}\``,
    codeNames[code] ?? "",
    cell(description),
  ]);
  return [
    `### ${method.name}`,
    commentOf(method),
    `Takes ${/^(client|bidi)/.test(method.methodKind) ? "a stream of " : ""}${link(input.name)}, answers with ${/^(server|bidi)/.test(method.methodKind) ? "a stream of " : ""}${link(output.name)}. ${idempotencyText[policy.idempotency]}`,
    policy.invalidMessages === "ANSWER"
      ? "A message that breaks a rule of its fields does not end the call: it is answered."
      : "",
    `${/^(client|bidi)/.test(method.methodKind) ? "Each message of the stream" : "A request"} has at most ${policy.maxRequestBytes.toLocaleString("en")} bytes.${costText[policy.costClass]}`,
    failures.length === 0
      ? "It has no reasons of its own to fail for."
      : table(["reason", "status", "when"], failures),
  ];
}

const idempotencyText = {
  NO_SIDE_EFFECTS: "It changes nothing.",
  IDEMPOTENT: "To call it twice does no more than to call it once.",
  UNKNOWN: "To call it twice may do it twice.",
} as const satisfies Record<MethodPolicy["idempotency"], string>;

const costText = {
  LIGHT: " It is little work: a server with too many calls refuses it last.",
  NORMAL: "",
  HEAVY: " It is much work: a server with too many calls refuses it first.",
} as const satisfies Record<MethodPolicy["costClass"], string>;

function messageText(
  message: DescMessage,
  plan: ContractPlan,
  linked: ReadonlySet<DescMessage>,
): string[] {
  const { fields, choices, requiredOneofs } = plan.messagePlan(message);
  const rows = fields.map((planned) => {
    const { field } = planned;
    return [
      `\`${field.name}\``,
      typeText(field, linked),
      String(field.number),
      cell([commentOf(field), rulesText(planned)].filter((text) => text !== "").join("<br>")),
    ];
  });
  return [
    `### ${message.name}`,
    commentOf(message),
    rows.length === 0
      ? "It has no fields."
      : table(["field", "type", "number", "meaning and rules"], rows),
    ...requiredOneofs.map(({ fields: members }) => `One of ${names(members)} must be set.`),
    ...choices.map(
      ({ fields: members, required }) =>
        `${required ? "Exactly" : "At most"} one of ${names(members)} may be set.`,
    ),
  ];
}

function enumText(enumeration: DescEnum): string[] {
  const rows = enumeration.values.map((value) => [
    `\`${value.name}\``,
    String(value.number),
    cell(commentOf(value)),
  ]);
  return [
    `### ${enumeration.name}`,
    commentOf(enumeration),
    table(["value", "number", "meaning"], rows),
  ];
}

function rulesText({ field, required, value, keys, items }: PlannedField): string {
  const phrases = [
    ...(required ? ["must be set"] : []),
    ...value.checks.map(({ description }) => description),
    ...keys.checks.map(({ description }) => `each key ${description}`),
    ...items.checks.map(
      ({ description }) => `each ${field.fieldKind === "map" ? "value" : "item"} ${description}`,
    ),
    ...(field.proto.options?.debugRedact === true ? ["is never logged"] : []),
  ];
  const distinct = [...new Set(phrases)];
  const text = distinct.join("; ").replace(/^./, (letter) => letter.toUpperCase());
  // A pattern is full of what Markdown takes for emphasis and the like.
  return text === "" ? "" : `${text.replaceAll(/[\\`*_<>[\]]/g, String.raw`\$&`)}.`;
}

function typeText(field: DescField, linked: ReadonlySet<DescMessage>): string {
  const single = (): string => {
    if (field.message !== undefined) {
      return linked.has(field.message) ? link(field.message.name) : `\`${field.message.typeName}\``;
    }
    if (field.enum !== undefined) return link(field.enum.name);
    return field.scalar === undefined ? "" : `\`${ScalarType[field.scalar].toLowerCase()}\``;
  };
  if (field.fieldKind === "list") return `list of ${single()}`;
  if (field.fieldKind === "map") {
    return `map of \`${ScalarType[field.mapKey].toLowerCase()}\` to ${single()}`;
  }
  return single();
}

function retryText(retry: RetryPolicy | undefined): string[] {
  if (retry === undefined) return [];
  const codes = retry.retryableCodes.map((code) => codeNames[code]).join(", ");
  return [
    `Calls that are retried are sent up to ${retry.maxAttempts} times, after ${codes}: first after up to ${seconds(retry.initialBackoffMs)}, then each time ${retry.backoffMultiplier} × as long, up to ${seconds(retry.maxBackoffMs)}. Retries stop while too many calls fail (${retry.throttling.maxTokens} tokens, ${retry.throttling.tokenRatio} back for each success).`,
  ];
}

function isRetried({ idempotency }: MethodPolicy, retry: RetryPolicy | undefined): boolean {
  return retry !== undefined && idempotency !== "UNKNOWN";
}

function kindOf({ methodKind }: DescMethod): string {
  return {
    unary: "unary",
    server_streaming: "server streaming",
    client_streaming: "client streaming",
    bidi_streaming: "bidirectional",
  }[methodKind];
}

function accessOf(policy: MethodPolicy): string {
  return policy.public ? "anyone" : policy.scopes.map((scope) => `\`${scope}\``).join(" and ");
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}

function names(fields: readonly DescField[]): string {
  return fields.map(({ name }) => `\`${name}\``).join(", ");
}

function link(name: string): string {
  return `[${name}](#${name.toLowerCase()})`;
}

function cell(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, " ").replaceAll("|", "\\|");
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}
