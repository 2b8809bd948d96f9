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
export { defaultMaxMessageBytes } from "./limits.ts";
export { RpcError, type RpcErrorOptions, type Violation } from "./rpc-error.ts";
