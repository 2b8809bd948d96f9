import { inspect, types } from "node:util";
import { pino } from "pino";
import { isSecret, redacted } from "./redaction.ts";

/** How deep a value is looked into. What lies deeper is not logged at all. */
const maxDepth = 8;

/**
 * How many parts of a value are logged, all depths together: an error may hold a socket, and that
 * everything else, many times over.
 */
const maxParts = 1_000;

/** In what errors of PostgreSQL and its drivers quote rows and parameters: the values of any field. */
const quoting: ReadonlySet<string> = new Set([
  ...["detail", "where", "internalQuery", "query", "params", "parameters"],
]);

/**
 * A copy of a value for a log, in which nothing that a contract has with `debug_redact` is shown: at
 * any depth, in objects, lists, maps and errors. Bytes are shown by their length. It never throws,
 * whatever it is given.
 */
export function loggable(value: unknown): unknown {
  return new LoggableCopy().of(value, 0);
}

class LoggableCopy {
  #left = maxParts;
  /** What lies around the value that is looked into. */
  readonly #around = new Set<object>();

  of(value: unknown, depth: number): unknown {
    if (typeof value === "bigint") return String(value);
    // A function is not shown, not even one by the name of `toJSON`.
    if (typeof value === "function") return undefined;
    if (typeof value !== "object" || value === null || types.isDate(value)) return value;
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (this.#around.has(value)) return "[circular]";
    if (depth > maxDepth) return "[too deep to be shown]";
    this.#around.add(value);
    try {
      return this.#partsOf(value, depth + 1);
    } catch {
      return "[cannot be shown]";
    } finally {
      this.#around.delete(value);
    }
  }

  #partsOf(value: object, depth: number): unknown {
    if (Array.isArray(value) || types.isSet(value)) return this.#list(value, depth);
    if (types.isMap(value)) return this.#fields(value, depth);
    if (!(value instanceof Error)) return this.#fields(readable(value), depth);
    const fields = [...readable(fieldsOf(value))].filter(([name]) => !quoting.has(name));
    return this.#fields(fields, depth);
  }

  #list(values: Iterable<unknown>, depth: number): unknown[] {
    const shown: unknown[] = [];
    for (const value of values) {
      if (!this.#hasRoom()) return [...shown, "[and more]"];
      shown.push(this.of(value, depth));
    }
    return shown;
  }

  #fields(fields: Iterable<readonly [unknown, unknown]>, depth: number): object {
    const shown: [string, unknown][] = [];
    for (const [key, value] of fields) {
      if (!this.#hasRoom()) {
        shown.push(["…", "[and more]"]);
        break;
      }
      const name = nameOf(key);
      shown.push([name, isSecret(name) ? redacted : this.of(value, depth)]);
    }
    return Object.fromEntries(shown);
  }

  #hasRoom(): boolean {
    this.#left -= 1;
    return this.#left >= 0;
  }
}

function nameOf(key: unknown): string {
  if (typeof key === "string") return key;
  return typeof key === "object" ? "[object]" : inspect(key);
}

/** What there is to know of an error, its causes among its stack. */
function fieldsOf(error: Error): object {
  try {
    return pino.stdSerializers.err(error);
  } catch {
    // It is frozen, for example, or one of its properties cannot be read.
    return { type: error.name, message: error.message, stack: error.stack };
  }
}

/** The properties of an object, each read when it is its turn. */
function* readable(value: object): Iterable<[string, unknown]> {
  for (const key of Object.keys(value)) {
    let part: unknown;
    try {
      part = isSecret(key) ? redacted : Reflect.get(value, key);
    } catch {
      part = "[cannot be read]";
    }
    yield [key, part];
  }
}
