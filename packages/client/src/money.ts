import type { Money } from "@org/contracts/google/type";

const nanosPerUnit = 1_000_000_000n;
const maxUnits = 2n ** 63n - 1n;

/** A text that is no amount of money; the message says what it should be, as a phrase. */
export class AmountError extends Error {
  static {
    AmountError.prototype.name = "AmountError";
  }
}

/**
 * Reads an amount such as `45.99` exactly: digits, and up to 9 more after a point. No number is
 * involved, so nothing is rounded. Throws an {@link AmountError}.
 */
export function parseMoney(amount: string, currencyCode: string): Money {
  const parts = /^(?<sign>-?)(?<units>\d+)(?:\.(?<decimals>\d+))?$/.exec(amount)?.groups;
  if (parts === undefined) {
    throw new AmountError("must be a decimal number such as 45.99");
  }
  const { sign, units: unitDigits = "", decimals = "" } = parts;
  if (decimals.length > 9) {
    throw new AmountError(`must have at most 9 decimals, has ${decimals.length}`);
  }
  // Checked by length first: to make a bigint of a million digits takes seconds.
  const digits = unitDigits.replace(/^0+(?=\d)/, "");
  const units = digits.length > 19 ? maxUnits + 1n : BigInt(digits);
  if (units > maxUnits) throw new AmountError(`must be at most ${maxUnits} units`);
  const nanos = Number(decimals.padEnd(9, "0"));
  // 0 - n, since -n makes a negative zero of zero.
  return sign === "-"
    ? { currencyCode, units: -units, nanos: 0 - nanos }
    : { currencyCode, units, nanos };
}

/** Writes an amount exactly, with two decimals or as many as it needs: `45.99`. Without its currency. */
export function formatAmount({ units, nanos }: Pick<Money, "units" | "nanos">): string {
  const total = units * nanosPerUnit + BigInt(nanos);
  const magnitude = total < 0n ? -total : total;
  const decimals = String(magnitude % nanosPerUnit)
    .padStart(9, "0")
    .replace(/0{1,7}$/, "");
  return `${total < 0n ? "-" : ""}${magnitude / nanosPerUnit}.${decimals}`;
}
