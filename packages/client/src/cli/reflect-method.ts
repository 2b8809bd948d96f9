import {
  createFileRegistry,
  create,
  type DescMethod,
  type DescService,
  type FileRegistry,
  fromBinary,
} from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import {
  type CallOptions,
  Code,
  codeName,
  createClient,
  type createChannel,
  RpcError,
} from "@org/kit/client";
import {
  ServerReflectionDefinition,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from "@org/kit/reflection";
import { UsageError } from "./usage-error.ts";

/** A method, and everything that its messages can hold. */
export interface ReflectedMethod {
  readonly method: DescMethod;
  readonly registry: FileRegistry;
}

type Question = NonNullable<ServerReflectionRequest["messageRequest"]>;
type Answer = NonNullable<ServerReflectionResponse["messageResponse"]>;
type Ask = (question: Question) => Promise<Answer>;

/**
 * Asks a server for the description of one of its methods, by `service/method`; the service can go
 * without its package where that is enough. Throws a UsageError that lists what there is instead.
 */
export async function reflectMethod(
  channel: ReturnType<typeof createChannel>,
  path: string,
  options: CallOptions,
): Promise<ReflectedMethod> {
  const { service: asked = "", method: methodName } =
    /^\/?(?<service>[^/]+)\/(?<method>[^/]+)$/.exec(path)?.groups ?? {};
  if (methodName === undefined) {
    throw new UsageError(
      `${JSON.stringify(path)} names no method: it must be such as org.product.v1.ProductService/GetProduct`,
    );
  }
  const ask = createAsk(channel, options);
  const services = await listServices(ask);
  const name = chooseService(asked, services);
  const registry = await describe(ask, name);
  const service = registry.getService(name);
  if (service === undefined) {
    throw new RpcError(Code.INTERNAL, `the server's description of ${name} does not contain it`);
  }
  return { method: chooseMethod(methodName, service), registry };
}

/** Asks by v1 of the protocol, and where the server has only v1alpha by that: the messages are the same. */
function createAsk(channel: ReturnType<typeof createChannel>, options: CallOptions): Ask {
  let serviceName: string = ServerReflectionDefinition.fullName;
  const ask: Ask = async (messageRequest) => {
    const client = createClient(ServerReflectionDefinition, { channel, serviceName });
    const answers = client.serverReflectionInfo([{ host: "", messageRequest }], options);
    let last: Answer | undefined;
    for await (const { messageResponse } of answers) last = messageResponse;
    if (last === undefined) throw new RpcError(Code.INTERNAL, "the server's reflection is silent");
    return last;
  };
  return async (question) => {
    try {
      return await ask(question);
    } catch (error) {
      const alpha = "grpc.reflection.v1alpha.ServerReflection";
      const missing = error instanceof RpcError && error.code === Code.UNIMPLEMENTED;
      if (!missing || serviceName === alpha) throw error;
      serviceName = alpha;
      return await ask(question);
    }
  };
}

async function listServices(ask: Ask): Promise<string[]> {
  const answer = await ask({ $case: "listServices", value: "*" });
  if (answer.$case !== "listServicesResponse") throw refused(answer, "its services");
  return answer.value.service.map(({ name }) => name);
}

function chooseService(asked: string, services: readonly string[]): string {
  if (services.includes(asked)) return asked;
  const named = services.filter((name) => name.endsWith(`.${asked}`));
  const [name] = named;
  if (name !== undefined && named.length === 1) return name;
  throw new UsageError(
    named.length === 0
      ? `there is no service ${JSON.stringify(asked)}: the server has ${services.join(", ")}. --target asks another one`
      : `${JSON.stringify(asked)} can be any of ${named.join(", ")}`,
  );
}

function chooseMethod(asked: string, { typeName, methods }: DescService): DescMethod {
  const method = methods.find(({ name }) => name === asked);
  if (method !== undefined) return method;
  const names = methods.map(({ name }) => name).join(", ");
  throw new UsageError(`${typeName} has no method ${JSON.stringify(asked)}: it has ${names}`);
}

/** The file that holds a service, and all that it imports: servers may leave out what is imported. */
async function describe(ask: Ask, service: string): Promise<FileRegistry> {
  const files = new Map<string, FileDescriptorProto>();
  const add = (answer: Answer, what: string): void => {
    if (answer.$case !== "fileDescriptorResponse") throw refused(answer, what);
    for (const bytes of answer.value.fileDescriptorProto) {
      const file = fromBinary(FileDescriptorProtoSchema, bytes);
      files.set(file.name, file);
    }
  };
  add(await ask({ $case: "fileContainingSymbol", value: service }), service);
  for (;;) {
    const missing = missingImport(files);
    if (missing === undefined) break;
    add(await ask({ $case: "fileByFilename", value: missing }), missing);
    if (!files.has(missing)) {
      throw new RpcError(Code.INTERNAL, `the server's reflection does not send ${missing}`);
    }
  }
  const set = create(FileDescriptorSetSchema, { file: importsFirst(files) });
  try {
    return createFileRegistry(set);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "";
    throw new RpcError(Code.INTERNAL, `the server's description is no good: ${reason}`, { cause });
  }
}

function missingImport(files: ReadonlyMap<string, FileDescriptorProto>): string | undefined {
  return [...files.values()]
    .flatMap(({ dependency }) => dependency)
    .find((name) => !files.has(name));
}

function importsFirst(files: ReadonlyMap<string, FileDescriptorProto>): FileDescriptorProto[] {
  const ordered = new Set<FileDescriptorProto>();
  const visited = new Set<FileDescriptorProto>();
  const visit = (file: FileDescriptorProto): void => {
    if (visited.has(file)) return;
    visited.add(file);
    for (const name of file.dependency) {
      const imported = files.get(name);
      if (imported !== undefined) visit(imported);
    }
    ordered.add(file);
  };
  for (const file of files.values()) visit(file);
  return [...ordered];
}

function refused(answer: Answer, what: string): RpcError {
  return answer.$case === "errorResponse"
    ? new RpcError(
        Code.INTERNAL,
        `the server refuses to describe ${what}: ${codeName(answer.value.errorCode)} (${answer.value.errorMessage})`,
      )
    : new RpcError(Code.INTERNAL, `the server's reflection does not describe ${what}`);
}
