import {
  type DescField,
  type DescFile,
  type DescMessage,
  type DescOneof,
  ScalarType,
} from "@bufbuild/protobuf";
import { Edition, FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { keyOf, quoted } from "./code-text.ts";
import type { ContractPlan } from "./contract-plan.ts";
import { checkNameOf, rulesModuleOf } from "./emit-rules.ts";
import {
  isJsonType,
  type JsonType,
  mapKindOf,
  messagesOf,
  modulePathOf,
  propertyNameOf,
  typeNameOf,
} from "./names.ts";
import { isWrapper } from "./ruled-types.ts";
import { TsFile } from "./ts-file.ts";

/** The module with the zod schemas of a file's messages. */
export function schemasModuleOf(file: DescFile): string {
  return `${modulePathOf(file)}.schemas`;
}

/**
 * Writes a zod schema for each message: its shape, and what its check function finds. Messages inside
 * are checked by the function of the outermost, so that its paths are whole; so each message has its
 * bare shape too.
 */
export function emitSchemas(
  file: DescFile,
  plan: ContractPlan,
  importSuffix: string,
): TsFile | undefined {
  const messages = messagesOf(file);
  if (messages.length === 0) return undefined;
  const declared = messages
    .map(typeNameOf)
    .flatMap((name) => [`${name}Shape`, `${name}Fields`, `${name}Schema`]);
  const ts = new TsFile(`${schemasModuleOf(file)}.ts`, importSuffix, declared);
  ts.value("z", "zod");
  const done = new Set<DescMessage>();
  for (const message of messages) {
    const name = typeNameOf(message);
    const type = ts.type(name, modulePathOf(file));
    const shape = new ShapeWriter(ts, done).object(message);
    const fields = fieldTable(ts, message);
    ts.add(`/** How a ${name} looks, whatever its fields hold. @internal */
export const ${name}Shape: z.ZodType<${type}> = ${shape};

/** Where a ${name} has the fields of the .proto file. @internal */
export const ${name}Fields: ${ts.type("FieldTable", "contract-schemas")} = ${fields};
`);
    done.add(message);
  }
  for (const message of messages) {
    const name = typeNameOf(message);
    const type = ts.type(name, modulePathOf(file));
    const checked = plan.isRuled(message)
      ? `${ts.value("withRules", "contract-schemas")}(${name}Shape, ${ts.value(checkNameOf(message), rulesModuleOf(file))}, ${name}Fields)`
      : `${name}Shape`;
    ts.add(`/** A ${name} that keeps the rules of the contract. */
export const ${name}Schema: z.ZodType<${type}> = ${checked};
`);
  }
  return ts;
}

class ShapeWriter {
  readonly #ts: TsFile;
  readonly #done: ReadonlySet<DescMessage>;

  constructor(ts: TsFile, done: ReadonlySet<DescMessage>) {
    this.#ts = ts;
    this.#done = done;
  }

  object(message: DescMessage): string {
    const members = message.members.map((member) => {
      const key = keyOf(propertyNameOf(member));
      if (member.kind === "oneof") return `  ${key}: ${this.#oneof(member, message)},\n`;
      const value = this.#field(member, message);
      if (member.fieldKind === "message") return `  ${key}: ${this.#orUndefined(value)},\n`;
      return isOptional(member) ? `  ${key}: ${value}.optional(),\n` : `  ${key}: ${value},\n`;
    });
    return `z.object({\n${members.join("")}})`;
  }

  #oneof({ fields }: DescOneof, parent: DescMessage): string {
    const cases = fields.map((field) => {
      const literal = `z.literal(${quoted(propertyNameOf(field))})`;
      return `z.object({ $case: ${literal}, value: ${this.#field(field, parent)} })`;
    });
    return this.#orUndefined(`z.discriminatedUnion("$case", [${cases.join(", ")}])`);
  }

  #field(field: DescField, parent: DescMessage): string {
    switch (field.fieldKind) {
      case "list":
        return `z.array(${this.#single(field, parent)})`;
      case "map": {
        const value = this.#single(field, parent);
        if (mapKindOf(field) === "map") return `z.map(${this.#scalar(field.mapKey)}, ${value})`;
        return `z.record(z.string(), ${value})`;
      }
      default:
        return this.#single(field, parent);
    }
  }

  /** A field's value, or that of an item of a list or an entry of a map. */
  #single(field: DescField, parent: DescMessage): string {
    if (field.message !== undefined) return this.#message(field.message, parent);
    if (field.enum !== undefined) {
      const type = this.#ts.type(typeNameOf(field.enum), modulePathOf(field.enum.file));
      return `${this.#ts.value("enumeration", runtime)}<${type}>()`;
    }
    return this.#scalar(field.scalar);
  }

  #message(message: DescMessage, parent: DescMessage): string {
    const wrapped = message.fields[0];
    if (isWrapper(message) && wrapped !== undefined) return this.#single(wrapped, message);
    if (isJsonType(message)) return jsonTypes[message.typeName];
    const name = this.#ts.value(`${typeNameOf(message)}Shape`, schemasModuleOf(message.file));
    return message.file === parent.file && !this.#done.has(message)
      ? `z.lazy(() => ${name})`
      : name;
  }

  #orUndefined(schema: string): string {
    return `${this.#ts.value("orUndefined", runtime)}(${schema})`;
  }

  #scalar(scalar: ScalarType): string {
    switch (scalar) {
      case ScalarType.STRING:
        return "z.string()";
      case ScalarType.BOOL:
        return "z.boolean()";
      case ScalarType.BYTES:
        return this.#ts.value("bytes", runtime);
      case ScalarType.FLOAT:
      case ScalarType.DOUBLE:
        return this.#ts.value("float", runtime);
      case ScalarType.INT32:
      case ScalarType.SINT32:
      case ScalarType.SFIXED32:
        return "z.int32()";
      case ScalarType.UINT32:
      case ScalarType.FIXED32:
        return "z.uint32()";
      case ScalarType.INT64:
      case ScalarType.SINT64:
      case ScalarType.SFIXED64:
        return "z.int64()";
      case ScalarType.UINT64:
      case ScalarType.FIXED64:
        return "z.uint64()";
    }
  }
}

const runtime = "contract-schemas";

/** How the messages look that ts-proto has as values of their own. */
const jsonTypes: Readonly<Record<JsonType, string>> = {
  "google.protobuf.FieldMask": "z.array(z.string())",
  "google.protobuf.Struct": "z.record(z.string(), z.unknown())",
  "google.protobuf.Value": "z.unknown()",
  "google.protobuf.ListValue": "z.array(z.unknown())",
};

/** Whether ts-proto's type has the property as optional. In editions it does so for none. */
function isOptional(field: DescField): boolean {
  const isSingle = field.fieldKind === "scalar" || field.fieldKind === "enum";
  const isProto2 = field.parent.file.edition === Edition.EDITION_PROTO2;
  return (
    isSingle &&
    (field.proto.proto3Optional ||
      (isProto2 && field.presence === FeatureSet_FieldPresence.EXPLICIT))
  );
}

/** Where ts-proto has each field: below the property of its oneof, for the members of one. */
function fieldTable(ts: TsFile, message: DescMessage): string {
  const lines = message.fields.map((field) => {
    const { oneof, message: inner } = field;
    const path = oneof === undefined ? [propertyNameOf(field)] : [propertyNameOf(oneof), "value"];
    const isTable = inner !== undefined && !isWrapper(inner) && !isJsonType(inner);
    const fields = isTable
      ? `, fields: () => ${ts.value(`${typeNameOf(inner)}Fields`, schemasModuleOf(inner.file))}`
      : "";
    return `  ${keyOf(field.name)}: { path: ${JSON.stringify(path)}${fields} },\n`;
  });
  // A oneof as a whole has a path too: the one of its rule that some member must be set.
  const oneofs = message.oneofs.map(
    (oneof) => `  ${keyOf(oneof.name)}: { path: [${quoted(propertyNameOf(oneof))}] },\n`,
  );
  return `{\n${[...lines, ...oneofs].join("")}}`;
}
