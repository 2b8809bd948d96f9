import { type DescMessage, ScalarType } from "@bufbuild/protobuf";
import type { RuledType } from "./value-checks.ts";

/** The wrappers of google/protobuf/wrappers.proto, whose rules are those of what they wrap. */
const wrappers: Readonly<Record<string, RuledType>> = {
  "google.protobuf.FloatValue": "float",
  "google.protobuf.DoubleValue": "double",
  "google.protobuf.Int32Value": "int32",
  "google.protobuf.Int64Value": "int64",
  "google.protobuf.UInt32Value": "uint32",
  "google.protobuf.UInt64Value": "uint64",
  "google.protobuf.BoolValue": "bool",
  "google.protobuf.StringValue": "string",
  "google.protobuf.BytesValue": "bytes",
};

/** The rules that a message of a type can have, by its full name; none for any other. */
export const ruledMessages: Readonly<Record<string, RuledType>> = {
  ...wrappers,
  "google.protobuf.Any": "any",
  "google.protobuf.Duration": "duration",
  "google.protobuf.Timestamp": "timestamp",
  "google.protobuf.FieldMask": "fieldMask",
};

/** The rules that a scalar can have. */
export const ruledScalars: Readonly<Record<ScalarType, RuledType>> = {
  [ScalarType.FLOAT]: "float",
  [ScalarType.DOUBLE]: "double",
  [ScalarType.INT32]: "int32",
  [ScalarType.INT64]: "int64",
  [ScalarType.UINT32]: "uint32",
  [ScalarType.UINT64]: "uint64",
  [ScalarType.SINT32]: "sint32",
  [ScalarType.SINT64]: "sint64",
  [ScalarType.FIXED32]: "fixed32",
  [ScalarType.FIXED64]: "fixed64",
  [ScalarType.SFIXED32]: "sfixed32",
  [ScalarType.SFIXED64]: "sfixed64",
  [ScalarType.BOOL]: "bool",
  [ScalarType.STRING]: "string",
  [ScalarType.BYTES]: "bytes",
};

/** Whether a message is one of google/protobuf/wrappers.proto. */
export function isWrapper(message: DescMessage): boolean {
  return Object.hasOwn(wrappers, message.typeName);
}
