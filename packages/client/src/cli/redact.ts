import type { DescField, DescMessage } from "@bufbuild/protobuf";

/** What is shown in the place of a field with `debug_redact`. */
export const redacted = "[redacted]";

/** Whether the contract has the field with `debug_redact`: its values are never shown. */
export function isRedacted(field: DescField): boolean {
  return field.proto.options?.debugRedact === true;
}

/** A message's JSON form without what must not be shown, at any depth. */
export function redactJson(desc: DescMessage, json: unknown): unknown {
  // Those of protobuf's own have JSON forms of their own, and nothing to hide.
  if (desc.typeName.startsWith("google.protobuf.") || !isObject(json)) return json;
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => {
      const field = desc.fields.find(({ name, jsonName }) => name === key || jsonName === key);
      return [key, field === undefined ? value : redactField(field, value)];
    }),
  );
}

function redactField(field: DescField, json: unknown): unknown {
  if (isRedacted(field)) return redacted;
  const { message } = field;
  if (message === undefined) return json;
  if (field.fieldKind === "list" && Array.isArray(json)) {
    return json.map((item) => redactJson(message, item));
  }
  if (field.fieldKind === "map" && isObject(json)) {
    return Object.fromEntries(
      Object.entries(json).map(([key, value]) => [key, redactJson(message, value)]),
    );
  }
  return redactJson(message, json);
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
