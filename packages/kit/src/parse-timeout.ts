import type { IncomingHttpHeaders } from "node:http2";

const unitsInMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/** How many digits there may be. */
const maxDigits = 8;

const zero = 48;
const nine = 57;

/**
 * The value of `grpc-timeout` in milliseconds; Infinity where there is none, NaN where it is not well-formed.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Timeout"
 */
export function parseTimeout(value: string | readonly string[] | undefined): number {
  if (value === undefined) return Infinity;
  if (typeof value !== "string") return Number.NaN;
  const last = value.length - 1;
  const unitMs = unitsInMs[value.charAt(last)];
  if (unitMs === undefined || last < 1 || last > maxDigits) return Number.NaN;
  let amount = 0;
  for (let index = 0; index < last; index++) {
    const digit = value.charCodeAt(index);
    if (digit < zero || digit > nine) return Number.NaN;
    amount = amount * 10 + digit - zero;
  }
  return amount * unitMs;
}

/** grpc-js has 31 bits for the milliseconds of a timeout (1.14.7, `handleTimeoutHeader`): past them, it is less than none. */
const longestTimeoutMs = 2 ** 31 - 1;

/** Shortens a timeout that would be taken for one that has passed. */
export function capTimeout(headers: IncomingHttpHeaders): void {
  const timeout = headers["grpc-timeout"];
  // Of the smaller units, 8 digits are not so long.
  if (typeof timeout !== "string" || !/^\d+[HMS]$/.test(timeout)) return;
  if (parseTimeout(timeout) > longestTimeoutMs) headers["grpc-timeout"] = "2147483S";
}
