export type { Authenticate, Credentials, Principal } from "./authentication.ts";
export { batches } from "./batches.ts";
export {
  authenticateByCertificate,
  authenticateByEither,
  type CertificateAuthenticationOptions,
  type Grants,
  GrantsFileError,
} from "./certificate-authentication.ts";
export { CallContext, type ErrorOptions } from "./call-context.ts";
export { type CallScope, followCalls } from "./call-scope.ts";
export { Code, codeName } from "./code.ts";
export { authenticationOf, clientTlsOf, serverTlsOf } from "./config-settings.ts";
export type {
  MessageType,
  MethodDefinition,
  RequestOf,
  ResponseOf,
  ServiceDefinition,
} from "./definition.ts";
export { Encoded, encoded } from "./encoded.ts";
export type { DetailMessages, DetailName, ErrorDetail } from "./error-details.ts";
export { EnvironmentError, portVariable, readEnvironment } from "./environment.ts";
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
export {
  defaultMaxConcurrentCalls,
  defaultMaxConnectionAgeMs,
  defaultMaxConnections,
  defaultMaxMessageBytes,
} from "./limits.ts";
export {
  createLogger,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  logLevels,
} from "./logger.ts";
export type {
  CostClass,
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
export { runService, type RunServiceOptions, type TracingModule } from "./run-service.ts";
export { readServerConfig, type ServerConfig, serverEnvironment } from "./server-config.ts";
export { ListenError } from "./listen-error.ts";
export { defaultGraceMs, type RunningServer, serve } from "./serve.ts";
export { type MetricsServer, serveMetrics, type ServeMetricsOptions } from "./serve-metrics.ts";
export type { ServeOptions } from "./serve-options.ts";
export type { ServerTls } from "./tls-acceptor.ts";
export { TlsFileError } from "./tls-files.ts";
export type { TracingConfig } from "./tracing-config.ts";
