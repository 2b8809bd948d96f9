export type { CallOptions } from "./call-options.ts";
export { Code, codeName } from "./code.ts";
export {
  type ChannelSettings,
  type Client,
  type ClientMethod,
  type ClientOptions,
  createChannel,
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
export { RpcError, type RpcErrorOptions, type Violation } from "./rpc-error.ts";
