import type { JsonValue } from "@bufbuild/protobuf";
import { UsageError } from "./usage-error.ts";

/** Reads JSON, with whole numbers that JavaScript would round kept as text. Throws a UsageError. */
export function parseJson(text: string, what: string): JsonValue {
  if (text.trim() === "") throw new UsageError(`${what} is empty: it must be JSON`);
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what JSON.parse gives is JSON
    return JSON.parse(text, keepLargeIntegers) as JsonValue;
  } catch (error) {
    const reason = error instanceof Error ? error.message : "";
    throw new UsageError(`${what} is not JSON: ${reason}`, { cause: error });
  }
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
