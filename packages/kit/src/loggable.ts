import { pino } from "pino";
import { isSecret, redacted } from "./redaction.ts";

/** How deep a value is looked into. What lies deeper is not logged at all. */
const maxDepth = 8;

/** In what errors of PostgreSQL and its drivers quote rows and parameters: the values of any field. */
const quoting: ReadonlySet<string> = new Set([
  ...["detail", "where", "internalQuery", "query", "params", "parameters"],
]);

/**
 * A copy of a value for a log, in which nothing that a contract has with `debug_redact` is shown: at
 * any depth, in objects, lists, maps and errors. Bytes are shown by their length.
 */
export function loggable(value: unknown, depth = 0): unknown {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth > maxDepth) return "[too deep to be shown]";
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Error) return loggable(withoutQuotes(value), depth);
  if (Array.isArray(value)) return value.map((item) => loggable(item, depth + 1));
  if (value instanceof Set) return [...value].map((item) => loggable(item, depth + 1));
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(
    entries.map(([key, part]: [unknown, unknown]) => {
      const name = String(key);
      return [name, isSecret(name) ? redacted : loggable(part, depth + 1)];
    }),
  );
}

function withoutQuotes(error: Error): Record<string, unknown> {
  const entries = Object.entries(pino.stdSerializers.err(error));
  return Object.fromEntries(entries.filter(([name]) => !quoting.has(name)));
}
