import {
  type Bindings,
  type ChildLoggerOptions,
  type DestinationStream,
  type LogFn,
  type Logger,
  pino,
} from "pino";
import { loggable } from "./loggable.ts";
import { currentTrace } from "./call-scope.ts";
import { isSecret, redacted } from "./redaction.ts";
import { traceFields } from "./trace-fields.ts";

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
    // Of what is done for a call, its trace.
    mixin: () => traceFields(currentTrace()),
    // Errors are taken apart below, where they are looked into.
    serializers: { err: (error: unknown) => error },
    formatters: { log: shown },
    hooks: {
      // What is put into the text: `logger.info("imported %o", product)`.
      logMethod(this: Logger, args: readonly unknown[], method: LogFn): void {
        Reflect.apply(method, this, args.map(asArgument));
      },
    },
  };
  const logger = destination === undefined ? pino(options) : pino(options, destination);
  // oxlint-disable-next-line typescript/unbound-method -- It is called with the logger whose child is asked for.
  const { child } = logger;
  // pino has formatters for a logger's own fields, but does not hand them down to its children's.
  logger.child = function <Levels extends string = never>(
    this: Logger,
    bindings: Bindings,
    childOptions?: ChildLoggerOptions<Levels>,
  ) {
    const make = child<Levels>;
    return make.call(this, shown(bindings), childOptions);
  };
  return logger;
}

/** The fields of a line, as far as they may be shown. */
function shown(line: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(line).map(([key, value]) => [key, isSecret(key) ? redacted : loggable(value)]),
  );
}

function asArgument(arg: unknown, index: number): unknown {
  // The first is the text, or else the fields, which have their turn later.
  if (index === 0) return arg;
  return arg instanceof Error ? String(arg) : loggable(arg);
}
