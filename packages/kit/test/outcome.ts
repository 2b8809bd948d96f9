import { inspect, isDeepStrictEqual } from "node:util";

/** What became of trying something: what it returned, or what it threw. */
export type Outcome = { readonly returned: unknown } | { readonly threw: string };

/** Tries it. Two errors are the same where their classes and their messages are. */
export function outcomeOf(attempt: () => unknown): Outcome {
  try {
    return { returned: attempt() };
  } catch (error) {
    if (!isError(error)) return { threw: inspect(error) };
    return { threw: `${error.constructor.name}: ${error.message}` };
  }
}

/** Node's own errors are of another realm than jest's tests. */
function isError(value: unknown): value is Error {
  return Object.prototype.toString.call(value) === "[object Error]";
}

/** Undefined where both are the same, their classes included; both, where they are not. */
export function differenceOf(
  actual: unknown,
  expected: unknown,
): { actual: unknown; expected: unknown } | undefined {
  return isDeepStrictEqual(actual, expected) ? undefined : { actual, expected };
}
