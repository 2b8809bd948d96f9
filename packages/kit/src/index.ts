export type { Authenticate, Credentials, Principal } from "./authentication.ts";
export { batches } from "./batches.ts";
export { CallContext, type ErrorOptions } from "./call-context.ts";
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
  authenticationOf,
  EnvironmentError,
  portVariable,
  readEnvironment,
  refuseHalfAuthentication,
  type ServerConfig,
  serverEnvironment,
} from "./environment.ts";
export {
  type CheckedRequest,
  type Handler,
  type Handlers,
  implement,
  type ImplementOptions,
  type Requests,
  type Service,
} from "./implement.ts";
export { authenticateByJwt, type JwtAuthenticationOptions } from "./jwt-authentication.ts";
export type { KeySetSource } from "./key-set.ts";
export { defaultMaxMessageBytes } from "./limits.ts";
export {
  createLogger,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  logLevels,
} from "./logger.ts";
export type {
  MethodPolicy,
  ReasonOf,
  ReasonsOf,
  RetryPolicy,
  ServicePolicy,
} from "./policy.ts";
export { neverLog } from "./redaction.ts";
export {
  RpcError,
  type RpcErrorOptions,
  toFieldViolations,
  type Violation,
} from "./rpc-error.ts";
export { runMain, type RunMainOptions } from "./run-main.ts";
export {
  defaultGraceMs,
  ListenError,
  type RunningServer,
  serve,
  type ServeOptions,
} from "./serve.ts";
