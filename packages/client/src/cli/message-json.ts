import {
  type DescEnum,
  type DescField,
  type DescMessage,
  fromJson,
  type JsonValue,
  type Message,
  type Registry,
  toJson,
} from "@bufbuild/protobuf";
import { isFieldError } from "@bufbuild/protobuf/reflect";
import { isRedacted, redactJson } from "./redact.ts";
import { UsageError } from "./usage-error.ts";

/** As deep as a message is read; the decoder refuses what is deeper. */
const maxDepth = 100;

/**
 * Makes a message of its JSON form. Throws a UsageError that names the path of what does not fit, and
 * lists what there is in its place.
 */
export function messageFromJson(desc: DescMessage, json: JsonValue, registry: Registry): Message {
  const problem = problemOf(desc, json, "", 0);
  if (problem !== undefined) throw new UsageError(problem);
  try {
    return fromJson(desc, json, { registry });
  } catch (error) {
    const { message, cause } = error instanceof Error ? error : new Error(String(error));
    const field = isFieldError(cause) ? cause.field() : undefined;
    // The message repeats the value, which is not to be shown of every field.
    const hides = field?.kind === "field" && isRedacted(field);
    throw new UsageError(hides ? message.replace(/, got .*/s, "") : message, { cause: error });
  }
}

/** A message's JSON form, without what must not be shown. Throws a UsageError where it has none, as a Duration of a million years. */
export function messageToJson(desc: DescMessage, message: Message, registry: Registry): unknown {
  try {
    return redactJson(desc, toJson(desc, message, { registry }));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(reason, { cause: error });
  }
}

/** The first name in a message's JSON form that its description does not have. */
function problemOf(
  desc: DescMessage,
  json: JsonValue,
  path: string,
  depth: number,
): string | undefined {
  // These have JSON forms of their own.
  if (desc.typeName.startsWith("google.protobuf.") || depth > maxDepth) return undefined;
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return `${at(path)}${desc.typeName} must be a JSON object`;
  }
  for (const [key, value] of Object.entries(json)) {
    // An extension, by its full name.
    if (key.startsWith("[")) continue;
    const field = desc.fields.find(({ name, jsonName }) => name === key || jsonName === key);
    if (field === undefined) {
      const names = desc.fields.map(({ name }) => name);
      return `${at(path)}${desc.typeName} has no field "${key}": ${list("it has", names)}`;
    }
    if (value === null) continue;
    const problem = fieldProblem(
      field,
      value,
      path === "" ? field.name : `${path}.${field.name}`,
      depth,
    );
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function fieldProblem(
  field: DescField,
  json: JsonValue,
  path: string,
  depth: number,
): string | undefined {
  const check = (value: JsonValue, where: string): string | undefined => {
    if (field.message !== undefined) return problemOf(field.message, value, where, depth + 1);
    return field.enum === undefined ? undefined : enumProblem(field.enum, value, where);
  };
  if (field.fieldKind === "list") {
    if (!Array.isArray(json)) return `${path} must be a JSON array`;
    return first(json.entries(), ([index, value]) => check(value, `${path}[${index}]`));
  }
  if (field.fieldKind === "map") {
    if (typeof json !== "object" || json === null || Array.isArray(json)) {
      return `${path} must be a JSON object`;
    }
    return first(Object.entries(json), ([key, value]) => check(value, `${path}["${key}"]`));
  }
  return check(json, path);
}

function enumProblem(desc: DescEnum, json: JsonValue, path: string): string | undefined {
  if (typeof json !== "string" || desc.values.some(({ name }) => name === json)) return undefined;
  const names = desc.values.map(({ name }) => name);
  return `${at(path)}${desc.typeName} has no value "${json}": ${list("it has", names)}`;
}

function first<T>(
  items: Iterable<T>,
  problem: (item: T) => string | undefined,
): string | undefined {
  for (const item of items) {
    const found = problem(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function at(path: string): string {
  return path === "" ? "" : `${path}: `;
}

function list(before: string, names: readonly string[]): string {
  return names.length === 0 ? `${before} none` : `${before} ${names.join(", ")}`;
}
