import { z } from "zod";
import type { Authenticate } from "./authentication.ts";
import { authenticateByJwt } from "./jwt-authentication.ts";
import { type Logger, type LogLevel, logLevels } from "./logger.ts";

/** The configuration that every server has. */
export interface ServerConfig {
  /** `production` refuses what is good enough for a laptop only. */
  readonly NODE_ENV?: string | undefined;
  /** The address to listen on; the default is not reached from other machines. */
  readonly GRPC_HOST: string;
  /** The least severe log lines that are written. */
  readonly LOG_LEVEL: LogLevel;
  /** Who has to have issued the tokens of callers; undefined: callers are not authenticated. */
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

/** The variables that every server reads. For the schema in a service's config.ts. */
export const serverEnvironment: {
  readonly [K in keyof ServerConfig]-?: z.ZodType<ServerConfig[K]>;
} = {
  NODE_ENV: z.string().optional(),
  GRPC_HOST: z
    .string()
    .min(1, { error: "must be an address, such as 0.0.0.0" })
    .default("127.0.0.1"),
  LOG_LEVEL: z.enum(logLevels, { error: `must be one of ${logLevels.join(", ")}` }).default("info"),
  AUTH_ISSUER: z.string().optional(),
  AUTH_AUDIENCE: z.string().optional(),
  AUTH_JWKS_URL: z
    .url({ protocol: /^https?$/, error: "must be a URL such as https://issuer.example/jwks.json" })
    .optional(),
  AUTH_JWKS_FILE: z.string().optional(),
  AUTH_DISABLED: z.stringbool({ error: "must be true or false" }).default(false),
};

/**
 * Refuses half of an authentication, and none at all in production unless that is asked for: for the
 * schema's `superRefine`.
 */
export function refuseHalfAuthentication(config: ServerConfig, context: z.RefinementCtx): void {
  const { NODE_ENV, AUTH_ISSUER, AUTH_AUDIENCE, AUTH_JWKS_URL, AUTH_JWKS_FILE, AUTH_DISABLED } =
    config;
  const refuse = (name: keyof ServerConfig, message: string): void => {
    context.addIssue({ code: "custom", path: [name], message });
  };
  const given = { AUTH_ISSUER, AUTH_AUDIENCE, AUTH_JWKS_URL, AUTH_JWKS_FILE };
  if (Object.values(given).every((value) => value === undefined)) {
    if (NODE_ENV !== "production" || AUTH_DISABLED) return;
    refuse(
      "AUTH_ISSUER",
      "must be set in production, with AUTH_AUDIENCE and AUTH_JWKS_URL or AUTH_JWKS_FILE: otherwise " +
        "anyone may call everything; AUTH_DISABLED=true accepts that",
    );
    return;
  }
  if (AUTH_DISABLED) refuse("AUTH_DISABLED", "contradicts the other variables of authentication");
  for (const name of ["AUTH_ISSUER", "AUTH_AUDIENCE"] as const) {
    if (given[name] === undefined) refuse(name, "must be set, as callers are authenticated");
  }
  if (AUTH_JWKS_URL === undefined && AUTH_JWKS_FILE === undefined) {
    refuse("AUTH_JWKS_URL", "must be set, or AUTH_JWKS_FILE: where the issuer's keys are");
  }
  if (AUTH_JWKS_URL !== undefined && AUTH_JWKS_FILE !== undefined) {
    refuse("AUTH_JWKS_FILE", "must not be set beside AUTH_JWKS_URL");
  }
}

/** What recognises callers, as the configuration has it; undefined where it has none. */
export function authenticationOf(config: ServerConfig, logger: Logger): Authenticate | undefined {
  const {
    AUTH_ISSUER: issuer,
    AUTH_AUDIENCE: audience,
    AUTH_JWKS_URL: url,
    AUTH_JWKS_FILE: file,
  } = config;
  const keys = url === undefined ? (file === undefined ? undefined : { file }) : { url };
  return issuer === undefined || audience === undefined || keys === undefined
    ? undefined
    : authenticateByJwt({ issuer, audience, keys, logger });
}

/** A TCP port out of the environment. */
export function portVariable(defaultPort: number): z.ZodType<number> {
  const error = "must be a port: a whole number from 0 (any free one) to 65535";
  return z.coerce
    .number({ error })
    .int({ error })
    .min(0, { error })
    .max(65_535, { error })
    .default(defaultPort);
}

/** An environment that a service cannot run with; the message names each variable that is wrong. */
export class EnvironmentError extends Error {
  static {
    EnvironmentError.prototype.name = "EnvironmentError";
  }
}

/** What may hold a password: its value is not repeated. */
const secretName = /URL|SECRET|TOKEN|PASSWORD|KEY$/;

/**
 * Reads a service's configuration from the environment, by its schema. A variable that is set to
 * nothing counts as unset.
 *
 * Throws an {@link EnvironmentError} that says of each wrong variable what it holds and what it should.
 */
export function readEnvironment<T>(
  schema: z.ZodType<T>,
  environment: Readonly<Record<string, string | undefined>>,
): T {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const result = schema.safeParse(set);
  if (result.success) return result.data;
  const lines = result.error.issues.map(({ path, message }) => {
    const name = path.map(String).join(".");
    const value = set[name];
    const shown = secretName.test(name) ? "a value that is not shown" : JSON.stringify(value);
    return value === undefined ? `${name} ${message}` : `${name} is ${shown}: it ${message}`;
  });
  throw new EnvironmentError(`the environment is wrong:\n  ${lines.join("\n  ")}`);
}
