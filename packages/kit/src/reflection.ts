import { createFileRegistry, type DescFile, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "./code.ts";
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionDefinition,
} from "./gen/grpc/reflection/v1/reflection.ts";
import { implement, type Service } from "./implement.ts";

type Answer = NonNullable<ServerReflectionResponse["messageResponse"]>;

/**
 * gRPC server reflection, v1 and v1alpha (their messages are the same bytes), over encoded
 * google.protobuf.FileDescriptorSets. Options of any kind reach the client as they were compiled.
 * Source: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
 */
export function reflectionService(
  descriptorSets: readonly Uint8Array[],
  serviceNames: readonly string[],
): Service {
  const index = indexFiles(descriptorSets);
  return implement(
    ServerReflectionDefinition,
    {
      async *serverReflectionInfo(requests) {
        // Like every server, answer one client's files only once on a stream.
        const sent = new Set<string>();
        for await (const request of requests) {
          yield {
            validHost: request.host,
            originalRequest: request,
            messageResponse: answer(index, serviceNames, request, sent),
          };
        }
      },
    },
    { aliases: ["grpc.reflection.v1alpha.ServerReflection"] },
  );
}

interface FileIndex {
  file(name: string): DescFile | undefined;
  fileOfSymbol(symbol: string): DescFile | undefined;
  extensions(typeName: string): ReadonlyMap<number, DescFile>;
}

function indexFiles(descriptorSets: readonly Uint8Array[]): FileIndex {
  // Several sets may hold the same imports; concatenated messages of one type are merged.
  const set = fromBinary(FileDescriptorSetSchema, Buffer.concat(descriptorSets));
  const byName = new Map(set.file.map((file) => [file.name, file]));
  set.file = [...byName.values()];
  const registry = createFileRegistry(set);

  const symbols = new Map<string, DescFile>();
  const extensions = new Map<string, Map<number, DescFile>>();
  for (const type of registry) {
    symbols.set(type.typeName, type.file);
    if (type.kind === "message") {
      for (const { name } of [...type.fields, ...type.oneofs]) {
        symbols.set(`${type.typeName}.${name}`, type.file);
      }
    } else if (type.kind === "enum") {
      // An enum's values are named in the enum's own scope, as in C++.
      const scope = type.typeName.slice(0, -type.name.length);
      for (const { name } of type.values) symbols.set(scope + name, type.file);
    } else if (type.kind === "service") {
      for (const { name } of type.methods) symbols.set(`${type.typeName}.${name}`, type.file);
    } else {
      const extendee = type.extendee.typeName;
      const ofExtendee = extensions.get(extendee) ?? new Map<number, DescFile>();
      extensions.set(extendee, ofExtendee.set(type.number, type.file));
    }
  }
  return {
    file: (name) => registry.getFile(name),
    fileOfSymbol: (symbol) => symbols.get(symbol),
    extensions: (typeName) => extensions.get(typeName) ?? new Map<number, DescFile>(),
  };
}

function answer(
  index: FileIndex,
  serviceNames: readonly string[],
  { messageRequest }: ServerReflectionRequest,
  sent: Set<string>,
): Answer {
  switch (messageRequest?.$case) {
    case "fileByFilename":
      return files(index.file(messageRequest.value), messageRequest.value, sent);
    case "fileContainingSymbol":
      return files(index.fileOfSymbol(messageRequest.value), messageRequest.value, sent);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = messageRequest.value;
      const file = index.extensions(containingType).get(extensionNumber);
      return files(file, `extension ${extensionNumber} of ${containingType}`, sent);
    }
    case "allExtensionNumbersOfType": {
      const baseTypeName = messageRequest.value;
      if (index.fileOfSymbol(baseTypeName) === undefined) return notFound(baseTypeName);
      const extensionNumber = [...index.extensions(baseTypeName).keys()];
      return { $case: "allExtensionNumbersResponse", value: { baseTypeName, extensionNumber } };
    }
    case "listServices":
      return {
        $case: "listServicesResponse",
        value: { service: serviceNames.map((name) => ({ name })) },
      };
    case undefined:
      return error(Code.INVALID_ARGUMENT, "the request asks for nothing that is known");
  }
}

/** A file and all that it imports, as far as they were not sent on this stream before. */
function files(file: DescFile | undefined, asked: string, sent: Set<string>): Answer {
  if (file === undefined) return notFound(asked);
  const fileDescriptorProto: Buffer[] = [];
  const add = (each: DescFile): void => {
    if (sent.has(each.proto.name)) return;
    sent.add(each.proto.name);
    fileDescriptorProto.push(Buffer.from(toBinary(FileDescriptorProtoSchema, each.proto)));
    each.dependencies.forEach(add);
  };
  add(file);
  // Asked for again, a file is repeated: an empty answer would look like a fault.
  if (fileDescriptorProto.length === 0) {
    fileDescriptorProto.push(Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)));
  }
  return { $case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function notFound(asked: string): Answer {
  return error(Code.NOT_FOUND, `not found: ${asked}`);
}

function error(errorCode: Code, errorMessage: string): Answer {
  return { $case: "errorResponse", value: { errorCode, errorMessage } };
}
