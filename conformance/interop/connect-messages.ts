import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Code, MessageType, MethodDefinition, ServiceDefinition } from "@org/kit";

/*
 * The messages of the suite, as far as our programs use them. What is generated from its .proto files is not there
 * before the first run, so nothing can take its types from them.
 */

/** A google.protobuf.Any. */
export interface Any {
  readonly typeUrl: string;
  readonly value: Buffer;
}

/** An entry of metadata; binary values are in Base64, without padding. */
export interface Header {
  readonly name: string;
  readonly value: readonly string[];
}

/** A status other than OK. The codes are gRPC's. */
export interface Failure {
  readonly code: Code;
  readonly message?: string | undefined;
  readonly details: readonly Any[];
}

/** A google.rpc.Status. */
export interface Status {
  readonly code: number;
  readonly message: string;
  readonly details: readonly Any[];
}

interface Definition {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs: number;
}

/** How to answer with one message. */
export interface UnaryDefinition extends Definition {
  readonly response:
    | { readonly $case: "responseData"; readonly value: Buffer }
    | { readonly $case: "error"; readonly value: Failure }
    | undefined;
}

/** How to answer with many. */
export interface StreamDefinition extends Definition {
  readonly responseData: readonly Buffer[];
  readonly error: Failure | undefined;
}

/** What a client sends where the answer is one message. */
export interface UnaryRequest {
  readonly responseDefinition: UnaryDefinition | undefined;
  readonly requestData: Buffer;
}

/** What a client sends where the answer is many. */
export interface StreamRequest {
  readonly responseDefinition: StreamDefinition | undefined;
  readonly requestData: Buffer;
}

/** What a client sends on a bidirectional stream. */
export interface BidiRequest extends StreamRequest {
  readonly fullDuplex: boolean;
}

/** What a server has seen of a call. */
export interface RequestInfo {
  readonly requestHeaders: readonly Header[];
  readonly timeoutMs?: bigint | undefined;
  readonly requests: readonly Any[];
  readonly connectGetInfo: undefined;
}

/** The content of an answer. */
export interface Payload {
  readonly data: Buffer;
  readonly requestInfo: RequestInfo | undefined;
}

/** An answer. */
export interface Answer {
  readonly payload: Payload | undefined;
}

interface Method<Request, Response, In extends boolean, Out extends boolean>
  extends MethodDefinition {
  readonly requestType: MessageType<Request>;
  readonly responseType: MessageType<Response>;
  readonly requestStream: In;
  readonly responseStream: Out;
}

/** The service that a server under test answers and a client under test calls. */
export interface ConformanceService extends ServiceDefinition {
  readonly methods: {
    readonly unary: Method<UnaryRequest, Answer, false, false>;
    readonly idempotentUnary: Method<UnaryRequest, Answer, false, false>;
    readonly clientStream: Method<UnaryRequest, Answer, true, false>;
    readonly serverStream: Method<StreamRequest, Answer, false, true>;
    readonly bidiStream: Method<BidiRequest, Answer, true, true>;
    readonly unimplemented: Method<object, object, false, false>;
  };
}

interface Credentials {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** What kind of server the runner wants. */
export interface ServerCompatRequest {
  readonly useTls: boolean;
  readonly clientTlsCert: Buffer;
  readonly messageReceiveLimit: number;
  readonly serverCreds: Credentials | undefined;
}

/** Where it is. */
export interface ServerCompatResponse {
  readonly host: string;
  readonly port: number;
  readonly pemCert: Buffer;
}

/** Which call the runner wants a client to make. */
export interface ClientCompatRequest {
  readonly testName: string;
  readonly compression: number;
  readonly host: string;
  readonly port: number;
  readonly serverTlsCert: Buffer;
  readonly clientTlsCreds: Credentials | undefined;
  readonly messageReceiveLimit: number;
  readonly method?: string | undefined;
  readonly streamType: number;
  readonly requestHeaders: readonly Header[];
  readonly requestMessages: readonly Any[];
  readonly timeoutMs?: number | undefined;
  readonly requestDelayMs: number;
  readonly cancel: { readonly cancelTiming: CancelTiming } | undefined;
}

/** When a client is to cancel its call; undefined: as soon as all requests are sent. */
export type CancelTiming =
  | { readonly $case: "beforeCloseSend" }
  | { readonly $case: "afterCloseSendMs"; readonly value: number }
  | { readonly $case: "afterNumResponses"; readonly value: number }
  | undefined;

/** What became of a call. */
export interface ClientResponseResult {
  readonly responseHeaders: readonly Header[];
  readonly payloads: readonly Payload[];
  readonly error: Failure | undefined;
  readonly responseTrailers: readonly Header[];
  readonly numUnsentRequests: number;
  readonly feedback: readonly string[];
}

/** The same for the runner; `error` where no call could be made. */
export interface ClientCompatResponse {
  readonly testName: string;
  readonly result:
    | { readonly $case: "response"; readonly value: ClientResponseResult }
    | { readonly $case: "error"; readonly value: { readonly message: string } };
}

/** What is generated. */
export interface Messages {
  readonly ConformanceServiceDefinition: ConformanceService;
  readonly ConformancePayload_RequestInfo: MessageType<RequestInfo>;
  readonly ServerCompatRequest: MessageType<ServerCompatRequest>;
  readonly ServerCompatResponse: MessageType<ServerCompatResponse>;
  readonly ClientCompatRequest: MessageType<ClientCompatRequest>;
  readonly ClientCompatResponse: MessageType<ClientCompatResponse>;
  readonly Status: MessageType<Status>;
}

const files = [
  ...["service", "server_compat", "client_compat"].map(
    (name) => `connectrpc/conformance/v1/${name}.ts`,
  ),
  "google/rpc/status.ts",
];

/** Loads what connect-runner.ts has generated. */
export async function loadMessages(folder: string): Promise<Messages> {
  const modules = await Promise.all(
    files.map((file): Promise<object> => import(pathToFileURL(join(folder, file)).href)),
  );
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The types above are those of the .proto files, which the compiler does not see.
  return Object.assign({}, ...modules) as Messages;
}
