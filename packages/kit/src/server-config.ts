import { statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { z } from "zod";
import { port, readEnvironment } from "./environment.ts";
import {
  defaultMaxConcurrentCalls,
  defaultMaxConnectionAgeMs,
  defaultMaxConnections,
} from "./limits.ts";
import { type LogLevel, logLevels } from "./logger.ts";
import { refuseUnsafe } from "./refuse-unsafe.ts";
import { type TracingConfig, tracingEnvironment } from "./tracing-config.ts";

/** The configuration that every server has. */
export interface ServerConfig extends TracingConfig {
  /** `production` refuses what is good enough for a laptop only. */
  readonly NODE_ENV?: string | undefined;
  /** How many processes answer the calls; with 1, this one does. */
  readonly WORKERS: number;
  /** The address to listen on; the default is not reached from other machines. */
  readonly GRPC_HOST: string;
  /** How old a connection gets before its client is asked to make a new one, in milliseconds. */
  readonly GRPC_MAX_CONNECTION_AGE_MS: number;
  /** How many connections there may be at a time. */
  readonly GRPC_MAX_CONNECTIONS: number;
  /** How many calls there may be at a time, on all connections. */
  readonly GRPC_MAX_CONCURRENT_CALLS: number;
  /** Whether calls are refused while those that are there take much longer than usual. */
  readonly GRPC_LOAD_SHEDDING: boolean;
  /** Whether a unary call is refused that has less time left than half of the calls of its method need. */
  readonly GRPC_REFUSE_HOPELESS_CALLS: boolean;
  /** How many calls one principal may make in a second; undefined: there is no limit. */
  readonly GRPC_MAX_CALLS_PER_SECOND_PER_PRINCIPAL?: number | undefined;
  /** The port that metrics are shown at, on the same address; undefined: nowhere. */
  readonly METRICS_PORT?: number | undefined;
  /** The least severe log lines that are written. */
  readonly LOG_LEVEL: LogLevel;
  /** The file with the service's certificate; undefined: connections are in plaintext. */
  readonly TLS_CERT_FILE?: string | undefined;
  /** The file with the certificate's private key. */
  readonly TLS_KEY_FILE?: string | undefined;
  /** The file with the authorities that clients need a certificate of; undefined: they need none. */
  readonly TLS_CLIENT_CA_FILE?: string | undefined;
  /** The file that says which scopes clients have been granted, by the identity in their certificate. */
  readonly TLS_CLIENT_GRANTS_FILE?: string | undefined;
  /** The file with the authorities of the services that this one calls; undefined: it calls in plaintext. */
  readonly TLS_CA_FILE?: string | undefined;
  /** Whether production may do without TLS. */
  readonly TLS_DISABLED: boolean;
  /** Who has to have issued the tokens of callers; undefined: tokens are not asked for. */
  readonly AUTH_ISSUER?: string | undefined;
  /** For whom the tokens have to be. */
  readonly AUTH_AUDIENCE?: string | undefined;
  /** Where the issuer's keys are fetched. */
  readonly AUTH_JWKS_URL?: string | undefined;
  /** The file that the issuer's keys are in. */
  readonly AUTH_JWKS_FILE?: string | undefined;
  /** Whether production may do without authentication. */
  readonly AUTH_DISABLED: boolean;
}

/** More is a mistake. */
const maxWorkers = 1_000;

const file = z.string().optional();
const readableFile = z
  .string()
  .refine(isFile, { error: "must be a file that is there, and can be seen" })
  .optional();

function flag(otherwise: boolean): z.ZodType<boolean> {
  return z.stringbool({ error: "must be true or false" }).default(otherwise);
}

/** A whole number of something, in digits. */
function count(what: string, max: number, orElse = ""): z.ZodCoercedNumber {
  const error = `must be a whole number of ${what}, from 1 to ${max.toLocaleString("en")}${orElse}`;
  return z.coerce.number({ error }).int({ error }).min(1, { error }).max(max, { error });
}

function isFile(name: string): boolean {
  try {
    return statSync(name).isFile();
  } catch {
    return false;
  }
}

/** The variables that every server reads. For the schema in a service's config.ts. */
export const serverEnvironment: {
  readonly [K in keyof ServerConfig]-?: z.ZodType<ServerConfig[K]>;
} = {
  NODE_ENV: z.string().optional(),
  WORKERS: z
    .preprocess(
      (value) => (value === "auto" ? availableParallelism() : value),
      count("processes", maxWorkers, ", or auto: as many as there are processors"),
    )
    .default(1),
  GRPC_HOST: z
    .string()
    .min(1, { error: "must be an address, such as 0.0.0.0" })
    .default("127.0.0.1"),
  GRPC_MAX_CONNECTION_AGE_MS: count("milliseconds", 1_000_000_000).default(
    defaultMaxConnectionAgeMs,
  ),
  GRPC_MAX_CONNECTIONS: count("connections", 1_000_000).default(defaultMaxConnections),
  GRPC_MAX_CONCURRENT_CALLS: count("calls", 1_000_000).default(defaultMaxConcurrentCalls),
  GRPC_LOAD_SHEDDING: flag(true),
  GRPC_REFUSE_HOPELESS_CALLS: flag(false),
  GRPC_MAX_CALLS_PER_SECOND_PER_PRINCIPAL: count("calls", 1_000_000).optional(),
  METRICS_PORT: port.optional(),
  LOG_LEVEL: z.enum(logLevels, { error: `must be one of ${logLevels.join(", ")}` }).default("info"),
  TLS_CERT_FILE: readableFile,
  TLS_KEY_FILE: readableFile,
  TLS_CLIENT_CA_FILE: readableFile,
  TLS_CLIENT_GRANTS_FILE: readableFile,
  TLS_CA_FILE: readableFile,
  TLS_DISABLED: flag(false),
  AUTH_ISSUER: z.string().optional(),
  AUTH_AUDIENCE: z.string().optional(),
  AUTH_JWKS_URL: z
    .url({ protocol: /^https?$/, error: "must be a URL such as https://issuer.example/jwks.json" })
    .optional(),
  AUTH_JWKS_FILE: file,
  AUTH_DISABLED: flag(false),
  ...tracingEnvironment,
};

/**
 * Reads a server's configuration from the environment. In production, it refuses to do without TLS or
 * authentication unless that is asked for; half of either it refuses everywhere.
 *
 * Throws an `EnvironmentError` that says of each wrong variable what it holds and what it should.
 */
export function readServerConfig<T extends ServerConfig>(
  schema: z.ZodType<T>,
  environment: Readonly<Record<string, string | undefined>>,
): T {
  return readEnvironment(schema.superRefine(refuseUnsafe), environment);
}
