export type { CallOptions } from "./call-options.ts";
export { Code, codeName } from "./code.ts";
export type { Balancing, OutlierDetection } from "./balancing.ts";
export type { ClientTls } from "./client-tls.ts";
export { type ChannelSettings, createChannel } from "./create-channel.ts";
export {
  type Client,
  type ClientMethod,
  type ClientOptions,
  createClient,
  defaultTimeoutMs,
  type MessageInput,
  type MessageInputs,
} from "./create-client.ts";
export type { MethodDefinition, RequestOf, ResponseOf, ServiceDefinition } from "./definition.ts";
export type { DetailMessages, DetailName, ErrorDetail } from "./error-details.ts";
export { isErrorOf, type MethodError } from "./is-error-of.ts";
export { defaultMaxMessageBytes } from "./limits.ts";
export type { MethodPolicy, ReasonOf, RetryPolicy, ServicePolicy } from "./policy.ts";
export { neverLog } from "./redaction.ts";
export type { Token } from "./token.ts";
export { TlsFileError } from "./tls-files.ts";
export { RpcError, type RpcErrorOptions, type Violation } from "./rpc-error.ts";
