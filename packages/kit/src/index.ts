export { CallContext } from "./call-context.ts";
export { Code, codeName } from "./code.ts";
export type {
  MessageType,
  MethodDefinition,
  RequestOf,
  ResponseOf,
  ServiceDefinition,
} from "./definition.ts";
export type { DetailMessages, DetailName, ErrorDetail } from "./error-details.ts";
export {
  type Handler,
  type Handlers,
  implement,
  type ImplementOptions,
  type Requests,
  type Service,
} from "./implement.ts";
export { defaultMaxMessageBytes } from "./limits.ts";
export {
  createLogger,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  logLevels,
} from "./logger.ts";
export { RpcError, type RpcErrorOptions, type Violation } from "./rpc-error.ts";
export { defaultGraceMs, type RunningServer, serve, type ServeOptions } from "./serve.ts";
