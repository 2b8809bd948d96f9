import { z } from "zod";

const error = "must be a port: a whole number from 0 (any free one) to 65535";

/** A TCP port out of the environment. */
export const port: z.ZodType<number> = z.coerce
  .number({ error })
  .int({ error })
  .min(0, { error })
  .max(65_535, { error });

/** A TCP port out of the environment that has a default. */
export function portVariable(defaultPort: number): z.ZodType<number> {
  return port.default(defaultPort);
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
