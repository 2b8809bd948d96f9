import {
  type DescField,
  type DescFile,
  type DescMessage,
  type DescOneof,
  ScalarType,
} from "@bufbuild/protobuf";

/** The name that ts-proto gives a message or enum: nested ones are joined by an underscore. */
export function typeNameOf({ typeName, file }: { typeName: string; file: DescFile }): string {
  const prefix = file.proto.package === "" ? 0 : file.proto.package.length + 1;
  const name = typeName.slice(prefix).split(".").map(camelCase).join("_");
  return name === "Date" || name === "Function" ? `${name}Message` : name;
}

/** The property that ts-proto makes of a field or oneof. */
export function propertyNameOf({ name }: DescField | DescOneof): string {
  return camelCase(name);
}

/** As ts-proto has it: only names with underscores change, and words in capitals only where all are. */
function camelCase(name: string): string {
  if (!name.includes("_")) return name;
  const [first = "", ...others] = (/[a-z]/.test(name) ? name : name.toLowerCase()).split("_");
  return first + others.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

const jsonTypes = [
  "google.protobuf.FieldMask",
  "google.protobuf.ListValue",
  "google.protobuf.Struct",
  "google.protobuf.Value",
] as const;

/** The full name of a message that ts-proto has as a value of its own, as protobuf's JSON has it. */
export type JsonType = (typeof jsonTypes)[number];

/** Whether ts-proto has a message as a value of its own. */
export function isJsonType<M extends { typeName: string }>(
  message: M,
): message is M & { typeName: JsonType } {
  return jsonTypes.some((name) => name === message.typeName);
}

/** The path of what is generated from a .proto file, without the suffix: `org/user/v1/user_service`. */
export function modulePathOf(file: DescFile): string {
  return file.name;
}

/** A name with its first letter in lower case. */
export function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

/** All messages of a file, nested ones included. The entries of maps are none. */
export function messagesOf({ messages }: DescFile): DescMessage[] {
  const withNested = (message: DescMessage): DescMessage[] => [
    message,
    ...message.nestedMessages.flatMap(withNested),
  ];
  return messages.flatMap(withNested);
}

/**
 * What ts-proto makes of a map: an object with texts or numbers for keys, or a Map where the keys are
 * neither.
 */
export function mapKindOf({
  mapKey,
}: DescField & { fieldKind: "map" }): "texts" | "numbers" | "map" {
  switch (mapKey) {
    case ScalarType.STRING:
      return "texts";
    case ScalarType.BOOL:
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return "map";
    default:
      return "numbers";
  }
}
