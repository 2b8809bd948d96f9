import type { JsonValue } from "@bufbuild/protobuf";
import { UsageError } from "./usage-error.ts";

/** Reads JSON, with whole numbers that JavaScript would round kept as text. Throws a UsageError. */
export function parseJson(text: string, what: string): JsonValue {
  if (text.trim() === "") throw new UsageError(`${what} is empty: it must be JSON`);
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what JSON.parse gives is JSON
    return JSON.parse(text, keepLargeIntegers) as JsonValue;
  } catch (error) {
    throw new UsageError(`${what} is not JSON: ${jsonProblem(error)}`);
  }
}

/**
 * What JSON.parse finds wrong, without what it quotes of the text around it: values of any field, also of
 * those that must not be shown.
 */
export function jsonProblem(error: unknown): string {
  const message = error instanceof Error ? error.message : "";
  const [, what = message] =
    /^(.*?), (?:\.\.\.)?".*"(?:\.\.\.)? is not valid JSON$/s.exec(message) ?? [];
  return what.endsWith("is not valid JSON") ? "it is cut short, or no JSON at all" : what;
}

/** In JSON, protobuf takes 64-bit integers as text, too. */
function keepLargeIntegers(
  _key: string,
  value: unknown,
  context?: { readonly source?: string },
): unknown {
  const source = context?.source ?? "";
  const rounded = typeof value === "number" && !Number.isSafeInteger(value);
  return rounded && /^-?\d+$/.test(source) ? source : value;
}
