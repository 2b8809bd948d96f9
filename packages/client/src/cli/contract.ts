import {
  createFileRegistry,
  type DescMessage,
  type FileRegistry,
  fromBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { descriptorSet } from "@org/contracts/descriptor";
import { UsageError } from "./usage-error.ts";

let registry: FileRegistry | undefined;

/** The descriptions of all that the contract has. */
export function contractRegistry(): FileRegistry {
  registry ??= createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet));
  return registry;
}

/** The files that only options are made of: nothing that is sent. */
const optionFiles: ReadonlySet<string> = new Set([
  "buf/validate/validate",
  "google/protobuf/descriptor",
  "org/contract/v1/options",
]);

/** The messages of the contract. */
export function contractMessages(): DescMessage[] {
  return [...contractRegistry()]
    .filter((type) => type.kind === "message")
    .filter(({ file }) => !optionFiles.has(file.name));
}

/**
 * A message of the contract by its full name, or by the end of its name where only one ends so:
 * `Product`, `BadRequest.FieldViolation`. Throws a UsageError.
 */
export function contractMessage(name: string): DescMessage {
  const messages = contractMessages();
  const exact = messages.find(({ typeName }) => typeName === name);
  const found = exact === undefined ? messages.filter((type) => endsWith(type, name)) : [exact];
  const [message] = found;
  if (message !== undefined && found.length === 1) return message;
  const among = (found.length === 0 ? messages : found).map(({ typeName }) => typeName).join(", ");
  throw new UsageError(
    found.length === 0
      ? `the contract has no message ${JSON.stringify(name)}: it has ${among}`
      : `${JSON.stringify(name)} can be any of ${among}`,
  );
}

function endsWith({ typeName }: DescMessage, name: string): boolean {
  return typeName.endsWith(`.${name}`);
}
