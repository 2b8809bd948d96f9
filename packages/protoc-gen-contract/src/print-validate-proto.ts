/**
 * Prints buf/validate/validate.proto, which no registry package has as a file, from the descriptor
 * inside @bufbuild/protovalidate. It knows what that file makes use of, and refuses anything else:
 * the test compiles what it prints and compares it with the descriptor, byte by byte.
 */
import { type DescExtension, type DescField, type DescFile, getOption } from "@bufbuild/protobuf";
import {
  type DescriptorProto_ExtensionRange,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import {
  file_buf_validate_validate,
  predefined,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

/** One past the largest number that a field can have, where a range ends with `max`. */
const endOfNumbers = 536_870_912;

/** The text of buf/validate/validate.proto, without its comments. */
export function printValidateProto(): string {
  const { proto, messages, enums, extensions }: DescFile = file_buf_validate_validate;
  const { options } = proto;
  return block([
    'syntax = "proto2";',
    `package ${proto.package};`,
    ...proto.dependency.map((file) => `import ${text(file)};`),
    ...(options === undefined
      ? []
      : [
          `option go_package = ${text(options.goPackage)};`,
          `option java_multiple_files = ${String(options.javaMultipleFiles)};`,
          `option java_outer_classname = ${text(options.javaOuterClassname)};`,
          `option java_package = ${text(options.javaPackage)};`,
        ]),
    ...extensions.map(
      (extension) => `extend ${extension.proto.extendee} { ${printField(extension)} }`,
    ),
    ...messages.map((message) => {
      const reserved = message.proto;
      return `message ${message.name} {\n${block([
        ...reserved.reservedRange.map(({ start, end }) => `reserved ${start} to ${end - 1};`),
        ...reserved.reservedName.map((name) => `reserved ${text(name)};`),
        ...message.members.map((member) =>
          member.kind === "oneof"
            ? `oneof ${member.name} {\n${block(member.fields.map(printField))}}`
            : printField(member),
        ),
        ...reserved.extensionRange.map(printExtensions),
      ])}}`;
    }),
    ...enums.map(({ name, proto: { reservedRange, reservedName }, values }) => {
      const reserved = [
        // Unlike those of messages, the ranges of enums include their end.
        ...reservedRange.map(({ start, end }) => `reserved ${start} to ${end};`),
        ...reservedName.map((each) => `reserved ${text(each)};`),
      ];
      return `enum ${name} {\n${block([...reserved, ...values.map((value) => `${value.name} = ${value.number};`)])}}`;
    }),
  ]);
}

function printField(field: DescField | DescExtension): string {
  const { label, type, typeName, name, number } = field.proto;
  const printedType = typeName === "" ? Type[type].toLowerCase() : typeName;
  if (field.kind === "field" && field.fieldKind === "map") {
    throw new Error(`cannot print the map ${field.toString()}`);
  }
  const isMember = field.kind === "field" && field.oneof !== undefined;
  const prefix = isMember ? "" : `${Label[label].toLowerCase()} `;
  const rules = getOption(field, predefined).cel.map(
    (rule) =>
      `(predefined).cel = { id: ${text(rule.id)}${entry("message", rule.message)}${entry("expression", rule.expression)} }`,
  );
  const options = rules.length === 0 ? "" : ` [\n${rules.join(",\n")}\n]`;
  return `${prefix}${printedType} ${name} = ${number}${options};`;
}

function entry(name: string, value: string): string {
  return value === "" ? "" : ` ${name}: ${text(value)}`;
}

function printExtensions({ start, end }: DescriptorProto_ExtensionRange): string {
  return `extensions ${start} to ${end === endOfNumbers ? "max" : end - 1};`;
}

function block(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

/** As JSON has it: of texts without control characters, that is also how .proto files have it. */
function text(value: string): string {
  return JSON.stringify(value);
}
