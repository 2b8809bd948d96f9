import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Code, MessageType, MethodDefinition, ServiceDefinition } from "@org/kit";
import { parse } from "yaml";
import { z } from "zod";
import { mustRunTool, root } from "../../support/run-tool.ts";
import { cachedFolder } from "./peer.ts";

/** A message of grpc.testing, as ts-proto generates it. */
interface Message<T> extends MessageType<T> {
  fromPartial(object: Partial<T>): T;
}

interface Method<Request, RequestStream extends boolean, Response, ResponseStream extends boolean>
  extends MethodDefinition {
  readonly requestType: Message<Request>;
  readonly requestStream: RequestStream;
  readonly responseType: Message<Response>;
  readonly responseStream: ResponseStream;
}

type Empty = Readonly<Record<string, never>>;

interface Payload {
  readonly type: number;
  readonly body: Uint8Array;
}

interface BoolValue {
  readonly value: boolean;
}

interface EchoStatus {
  readonly code: Code;
  readonly message: string;
}

interface ResponseParameters {
  readonly size: number;
  readonly intervalUs: number;
  readonly compressed: BoolValue | undefined;
}

/** Of grpc.testing.SimpleRequest, what the cases use; so it is with the other messages. */
export interface SimpleRequest {
  readonly responseType: number;
  readonly responseSize: number;
  readonly payload: Payload | undefined;
  readonly responseStatus: EchoStatus | undefined;
  readonly responseCompressed: BoolValue | undefined;
  readonly expectCompressed: BoolValue | undefined;
}

interface StreamingInputCallRequest {
  readonly payload: Payload | undefined;
}

interface StreamingInputCallResponse {
  readonly aggregatedPayloadSize: number;
}

/** grpc.testing.StreamingOutputCallRequest. */
export interface OutputRequest {
  readonly responseType: number;
  readonly responseParameters: readonly ResponseParameters[];
  readonly payload: Payload | undefined;
  readonly responseStatus: EchoStatus | undefined;
}

/** What answers with a payload: grpc.testing.SimpleResponse and StreamingOutputCallResponse. */
export interface PayloadResponse {
  readonly payload: Payload | undefined;
}

/** The contract of gRPC's interop tests, grpc/testing/test.proto: the methods that its cases call. */
export interface TestingContract {
  readonly TestServiceDefinition: ServiceDefinition & {
    readonly methods: {
      readonly emptyCall: Method<Empty, false, Empty, false>;
      readonly unaryCall: Method<SimpleRequest, false, PayloadResponse, false>;
      readonly streamingInputCall: Method<
        StreamingInputCallRequest,
        true,
        StreamingInputCallResponse,
        false
      >;
      readonly streamingOutputCall: Method<OutputRequest, false, PayloadResponse, true>;
      readonly fullDuplexCall: Method<OutputRequest, true, PayloadResponse, true>;
      readonly unimplementedCall: Method<Empty, false, Empty, false>;
    };
  };
  readonly UnimplementedServiceDefinition: ServiceDefinition & {
    readonly methods: {
      readonly unimplementedCall: Method<Empty, false, Empty, false>;
    };
  };
}

const bufGenYaml = join(root, "buf.gen.yaml");
const lockFile = join(root, "pnpm-lock.yaml");

const generation = z.object({
  plugins: z.array(z.looseObject({ local: z.unknown(), opt: z.unknown() })),
});

/** Generates the types as `pnpm generate` does those of our own contract, from a file of descriptors. */
export async function testingContract(descriptors: string): Promise<TestingContract> {
  const inputs = [descriptors, bufGenYaml, lockFile, import.meta.filename];
  const generated = await cachedFolder(inputs, [], async (folder) => {
    const { plugins } = generation.parse(parse(await readFile(bufGenYaml, "utf8")));
    const tsProto = plugins.find(({ local }) => local === "protoc-gen-ts_proto");
    const plugin = { local: tsProto?.local, opt: tsProto?.opt, strategy: "all", out: folder };
    const template = JSON.stringify({ version: "v2", plugins: [plugin] });
    await mustRunTool("buf", ["generate", descriptors, "--template", template]);
    // Jest compiles nothing below node_modules.
    const types = join(folder, "grpc/testing/test.ts");
    const outfile = `--outfile=${join(folder, "contract.mjs")}`;
    await mustRunTool("esbuild", [types, "--bundle", "--format=esm", "--platform=node", outfile]);
    return { found: folder };
  });
  if ("missing" in generated) throw new Error(generated.missing);
  const module: unknown = await import(pathToFileURL(join(generated.found, "contract.mjs")).href);
  if (!isTestingContract(module)) throw new Error("grpc/testing/test.proto has another content");
  return module;
}

function isTestingContract(module: unknown): module is TestingContract {
  return (
    typeof module === "object" &&
    module !== null &&
    "TestServiceDefinition" in module &&
    "UnimplementedServiceDefinition" in module
  );
}
