/** An amount of money, exact to a billionth of its currency's unit. */
export interface Money {
  /** The currency's three letters (ISO 4217). */
  readonly currencyCode: string;
  /** The whole units. */
  readonly units: bigint;
  /** The billionths of a unit on top, 0 to 999,999,999. */
  readonly nanos: number;
}

const nanosPerUnit = 1_000_000_000n;

/** The sum of amounts in one currency, each taken a number of times. Nothing is rounded. */
export function sumOf(
  currencyCode: string,
  terms: readonly { readonly amount: Money; readonly times: number }[],
): Money {
  let nanos = 0n;
  for (const { amount, times } of terms) {
    nanos += (amount.units * nanosPerUnit + BigInt(amount.nanos)) * BigInt(times);
  }
  return { currencyCode, units: nanos / nanosPerUnit, nanos: Number(nanos % nanosPerUnit) };
}
