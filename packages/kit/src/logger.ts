import { type DestinationStream, type Logger, pino } from "pino";
import { loggable } from "./loggable.ts";
import { isSecret, redacted } from "./redaction.ts";

export type { Logger } from "pino";

/** What a logger is made of. */
export interface LoggerOptions {
  /** Who writes: the service's name, in each line. */
  readonly name: string;
  /** The least severe level that is written; `info` by default. */
  readonly level?: LogLevel;
  /** Where the lines go; the standard output by default. */
  readonly destination?: DestinationStream;
}

/** From the most to the least severe; `silent` writes nothing. */
export const logLevels = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * Makes a logger that writes one JSON object a line, with the time in ISO 8601. Whatever has the name of
 * a field with `debug_redact` is written as `[redacted]`, at any depth.
 */
export function createLogger({ name, level = "info", destination }: LoggerOptions): Logger {
  const options = {
    name,
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    // Errors are taken apart below, where they are looked into.
    serializers: { err: (error: unknown) => error },
    formatters: {
      log: (line: Record<string, unknown>) =>
        Object.fromEntries(
          Object.entries(line).map(([key, value]) => [
            key,
            isSecret(key) ? redacted : loggable(value),
          ]),
        ),
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
