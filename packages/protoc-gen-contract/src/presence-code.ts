import type { DescField } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence as Presence } from "@bufbuild/protobuf/wkt";
import { propertyOf, quoted } from "./code-text.ts";
import { mapKindOf, propertyNameOf } from "./names.ts";

/** What has a zero: a scalar, or an item of a list or map. */
export type Zeroable =
  | { readonly fieldKind: "scalar"; readonly scalar: ScalarType }
  | (DescField & { readonly fieldKind: "list" | "map" });

/** The code that reads a field which is in no oneof. */
export function accessTo(field: DescField): string {
  return propertyOf("message", propertyNameOf(field));
}

/** The code that tells whether a field is set, in protobuf's sense. */
export function isSet(field: DescField): string {
  if (field.oneof !== undefined) {
    const oneof = propertyOf("message", propertyNameOf(field.oneof));
    return `${oneof}?.$case === ${quoted(propertyNameOf(field))}`;
  }
  const value = accessTo(field);
  if (field.fieldKind === "list") return `${value}.length > 0`;
  if (field.fieldKind === "map") {
    return mapKindOf(field) === "map" ? `${value}.size > 0` : `Object.keys(${value}).length > 0`;
  }
  if (field.fieldKind === "message" || field.presence !== Presence.IMPLICIT) {
    return `${value} !== undefined`;
  }
  return field.fieldKind === "enum" ? `${value} !== 0` : isNotZero(value, field);
}

/** The code that tells whether a value is not the zero of its type. */
export function isNotZero(value: string, type: Zeroable): string {
  // The zero of an enum is its first value, which may be another number in proto2.
  if (type.scalar === undefined) return `${value} !== ${type.enum?.values[0]?.number ?? 0}`;
  switch (type.scalar) {
    case ScalarType.STRING:
      return `${value} !== ""`;
    case ScalarType.BYTES:
      return `${value}.length > 0`;
    case ScalarType.BOOL:
      return value;
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return `${value} !== 0n`;
    default:
      return `${value} !== 0`;
  }
}
