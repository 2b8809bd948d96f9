/** An amount of money, exact to a billionth of its currency's unit. */
export interface Money {
  /** The currency's three letters (ISO 4217). */
  readonly currencyCode: string;
  /** The whole units. */
  readonly units: bigint;
  /** The billionths of a unit on top, 0 to 999,999,999. */
  readonly nanos: number;
}

const nanosPerUnit = 1_000_000_000;

/** What is wrong with a price; undefined where it is fine. */
export function moneyProblem({ currencyCode, units, nanos }: Money): string | undefined {
  if (!/^[A-Z]{3}$/.test(currencyCode)) return "must have a currency code of three capital letters";
  if (units < 0n || nanos < 0) return "must not be negative";
  if (nanos >= nanosPerUnit) return "must have less than 1,000,000,000 nanos";
  return undefined;
}

/** The amount as a number of units, rounded: for whoever cannot do better. */
export function roundedUnits({ units, nanos }: Money): number {
  return Number(units) + nanos / nanosPerUnit;
}
