import { statSync } from "node:fs";
import { z } from "zod";
import { readEnvironment } from "./environment.ts";
import { defaultMaxConnectionAgeMs } from "./limits.ts";
import { type LogLevel, logLevels } from "./logger.ts";
import { refuseUnsafe } from "./refuse-unsafe.ts";

/** The configuration that every server has. */
export interface ServerConfig {
  /** `production` refuses what is good enough for a laptop only. */
  readonly NODE_ENV?: string | undefined;
  /** The address to listen on; the default is not reached from other machines. */
  readonly GRPC_HOST: string;
  /** How old a connection gets before its client is asked to make a new one, in milliseconds. */
  readonly GRPC_MAX_CONNECTION_AGE_MS: number;
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

const file = z.string().optional();
const readableFile = z
  .string()
  .refine(isFile, { error: "must be a file that is there, and can be seen" })
  .optional();
const flag = z.stringbool({ error: "must be true or false" }).default(false);
const milliseconds = "must be a whole number of milliseconds, from 1 to 1,000,000,000";

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
  GRPC_HOST: z
    .string()
    .min(1, { error: "must be an address, such as 0.0.0.0" })
    .default("127.0.0.1"),
  GRPC_MAX_CONNECTION_AGE_MS: z.coerce
    .number({ error: milliseconds })
    .int({ error: milliseconds })
    .min(1, { error: milliseconds })
    .max(1_000_000_000, { error: milliseconds })
    .default(defaultMaxConnectionAgeMs),
  LOG_LEVEL: z.enum(logLevels, { error: `must be one of ${logLevels.join(", ")}` }).default("info"),
  TLS_CERT_FILE: readableFile,
  TLS_KEY_FILE: readableFile,
  TLS_CLIENT_CA_FILE: readableFile,
  TLS_CLIENT_GRANTS_FILE: readableFile,
  TLS_CA_FILE: readableFile,
  TLS_DISABLED: flag,
  AUTH_ISSUER: z.string().optional(),
  AUTH_AUDIENCE: z.string().optional(),
  AUTH_JWKS_URL: z
    .url({ protocol: /^https?$/, error: "must be a URL such as https://issuer.example/jwks.json" })
    .optional(),
  AUTH_JWKS_FILE: file,
  AUTH_DISABLED: flag,
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
