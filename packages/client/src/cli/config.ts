import type { Writable } from "node:stream";
import { z } from "zod";
import { defaultTargets } from "../connect.ts";
import { isTerminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

/** What the command line takes from the environment. */
export interface Config {
  /** Where product-service is. */
  readonly products: string;
  /** Where user-service is. */
  readonly users: string;
  /** What to be recognised by; undefined for nothing. */
  readonly token: string | undefined;
  /** The file with the authorities that the services' certificates come from; undefined for plaintext. */
  readonly caFile: string | undefined;
  /** The file with the user's own certificate; undefined for none. */
  readonly certFile: string | undefined;
  /** The file with the private key of that certificate. */
  readonly keyFile: string | undefined;
  /** What the program is called in its help. */
  readonly programName: string;
  /** Whether to colour what goes to a stream. */
  readonly colors: (stream: Writable) => boolean;
}

const targetError =
  "must be where a service listens, such as 127.0.0.1:50051 or dns:///users:50052";

/** The address of a service. It is gRPC's: a URL's `http://` would be taken for a host name. */
const targetSchema = z.string().regex(/^(?!https?:)[^\s\p{Cc}]+$/u, { error: targetError });

const schema = z.object({
  PRODUCTS_TARGET: targetSchema.default(defaultTargets.products),
  USERS_TARGET: targetSchema.default(defaultTargets.users),
  ACCESS_TOKEN: z.string().optional(),
  TLS_CA_FILE: z.string().optional(),
  TLS_CERT_FILE: z.string().optional(),
  TLS_KEY_FILE: z.string().optional(),
  NO_COLOR: z.string().optional(),
  FORCE_COLOR: z.string().optional(),
  TERM: z.string().optional(),
  npm_lifecycle_event: z.string().optional(),
});

/** Reads the environment; a variable that is set to nothing counts as unset. Throws a UsageError. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const result = schema.safeParse(set);
  if (!result.success) {
    const problems = result.error.issues.map(({ path, message }) => {
      const name = path.map(String).join(".");
      return `${name} is ${JSON.stringify(set[name])}: it ${message}`;
    });
    throw new UsageError(problems.join("; "));
  }
  const { PRODUCTS_TARGET, USERS_TARGET, ACCESS_TOKEN, npm_lifecycle_event } = result.data;
  const { TLS_CA_FILE, TLS_CERT_FILE, TLS_KEY_FILE } = result.data;
  const { NO_COLOR, FORCE_COLOR, TERM } = result.data;
  return {
    products: PRODUCTS_TARGET,
    users: USERS_TARGET,
    token: ACCESS_TOKEN,
    caFile: TLS_CA_FILE,
    certFile: TLS_CERT_FILE,
    keyFile: TLS_KEY_FILE,
    programName: npm_lifecycle_event === "client" ? "pnpm client" : "org-client",
    colors: (stream) => {
      // https://force-color.org and https://no-color.org; of both, Node itself takes the first.
      if (FORCE_COLOR !== undefined) return FORCE_COLOR !== "0";
      if (NO_COLOR !== undefined) return false;
      return isTerminal(stream) && TERM !== "dumb";
    },
  };
}

/** Reads the value of an option that names a target. Throws a UsageError. */
export function parseTarget(value: string): string {
  if (!targetSchema.safeParse(value).success) {
    throw new UsageError(`${JSON.stringify(value)} is no target: it ${targetError}`);
  }
  return value;
}
