import { createFileRegistry, type DescMessage, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { descriptorSet } from "@org/contracts/descriptor";

/** What is generated for a message, as far as the tests of all messages need it. */
export interface GeneratedType {
  encode(message: unknown): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
  fromJSON(json: unknown): unknown;
  toJSON(message: unknown): unknown;
}

/** One message of the contract: what its descriptor says, and what was generated for it. */
export interface ContractMessage {
  readonly name: string;
  readonly descriptor: DescMessage;
  readonly type: GeneratedType;
}

/** Every message of the packages that define a service, nested ones included; found by their descriptors. */
export const contractMessages: readonly ContractMessage[] = await findMessages();

async function findMessages(): Promise<ContractMessage[]> {
  const types = [...createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet))];
  const packages = new Set(
    types.flatMap(({ kind, file }) => (kind === "service" ? [file.proto.package] : [])),
  );
  const found = types
    .filter((type) => type.kind === "message")
    .filter(({ file }) => packages.has(file.proto.package))
    .map(async (descriptor) => ({
      name: descriptor.typeName,
      descriptor,
      type: await generatedType(descriptor),
    }));
  return Promise.all(found);
}

async function generatedType({ typeName, file }: DescMessage): Promise<GeneratedType> {
  const { package: packageName } = file.proto;
  // "org.product.v1" is published as "@org/contracts/product/v1".
  const specifier = packageName.replace(/^org\./, "@org/contracts/").replace(".", "/");
  const module: unknown = await import(specifier);
  const name = typeName.slice(packageName.length + 1).replaceAll(".", "_");
  const type: unknown = typeof module === "object" && module !== null && Reflect.get(module, name);
  if (!isGeneratedType(type)) throw new TypeError(`${specifier} exports no message ${name}`);
  return type;
}

function isGeneratedType(value: unknown): value is GeneratedType {
  return (
    typeof value === "object" &&
    value !== null &&
    ["encode", "decode", "fromJSON", "toJSON"].every(
      (name) => typeof Reflect.get(value, name) === "function",
    )
  );
}
