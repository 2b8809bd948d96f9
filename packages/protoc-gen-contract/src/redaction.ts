import type { DescFile } from "@bufbuild/protobuf";
import { messagesOf, propertyNameOf } from "./names.ts";

/**
 * The names of all fields with `debug_redact`, as the .proto files and as TypeScript have them, in
 * their order. Whatever has one of these names is kept out of logs.
 */
export function redactedNamesOf(files: readonly DescFile[]): string[] {
  const names = files
    .flatMap(messagesOf)
    .flatMap((message) => message.fields)
    .filter((field) => field.proto.options?.debugRedact === true)
    .flatMap((field) => [field.name, propertyNameOf(field)]);
  return [...new Set(names)].toSorted((a, b) => a.localeCompare(b, "en"));
}
