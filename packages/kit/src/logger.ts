import { type DestinationStream, type Logger, pino } from "pino";

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

/** Makes a logger that writes one JSON object a line, with the time in ISO 8601. */
export function createLogger({ name, level = "info", destination }: LoggerOptions): Logger {
  const options = { name, level, timestamp: pino.stdTimeFunctions.isoTime };
  return destination === undefined ? pino(options) : pino(options, destination);
}
