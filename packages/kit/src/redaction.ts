/** What stands in the place of a value that must not be shown. */
export const redacted = "[redacted]";

/** The names of all fields with `debug_redact` in the contracts that this process uses. */
const secretNames = new Set<string>();

/**
 * Keeps fields of these names out of the logs of every logger, from now on. `implement` and
 * `createClient` do so for the fields with `debug_redact` in their contract.
 */
export function neverLog(names: readonly string[]): void {
  for (const name of names) secretNames.add(name);
}

/** Whether a field of that name must not be shown. */
export function isSecret(name: string): boolean {
  return secretNames.has(name);
}
