import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { AmountError, formatAmount, parseMoney } from "../src/index.ts";

const int64 = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
const nanos = fc.integer({ min: 0, max: 999_999_999 });

test.each([
  ["45.99", 45n, 990_000_000],
  ["0.1", 0n, 100_000_000],
  ["0.000000001", 0n, 1],
  ["1500", 1500n, 0],
  ["007.50", 7n, 500_000_000],
  ["9223372036854775807.999999999", 2n ** 63n - 1n, 999_999_999],
  [`${"0".repeat(100_000)}1`, 1n, 0],
])("%.40s is exact", (text, units, expectedNanos) => {
  expect(parseMoney(text, "USD")).toEqual({ currencyCode: "USD", units, nanos: expectedNanos });
});

test("a negative amount is negative in both parts, as google.type.Money wants it", () => {
  expect(parseMoney("-1.75", "EUR")).toEqual({
    currencyCode: "EUR",
    units: -1n,
    nanos: -750_000_000,
  });
  expect(parseMoney("-0.5", "EUR")).toEqual({
    currencyCode: "EUR",
    units: 0n,
    nanos: -500_000_000,
  });
  expect(Object.is(parseMoney("-3", "EUR").nanos, 0)).toBe(true);
});

test.each([
  ["", "must be a decimal number"],
  [".5", "must be a decimal number"],
  ["5.", "must be a decimal number"],
  ["1,50", "must be a decimal number"],
  ["1 500", "must be a decimal number"],
  ["+1", "must be a decimal number"],
  ["1e3", "must be a decimal number"],
  ["0x10", "must be a decimal number"],
  ["NaN", "must be a decimal number"],
  ["٣", "must be a decimal number"],
  ["1\n", "must be a decimal number"],
  ["1.0000000000", "must have at most 9 decimals, has 10"],
  ["9223372036854775808", "must be at most 9223372036854775807 units"],
  ["9".repeat(1_000_000), "must be at most 9223372036854775807 units"],
])("%.40j is refused", (text, message) => {
  expect(() => parseMoney(text, "USD")).toThrow(AmountError);
  expect(() => parseMoney(text, "USD")).toThrow(message);
});

test("what is formatted is read back the same", () => {
  fc.assert(
    fc.property(int64, nanos, fc.boolean(), (units, fraction, negative) => {
      const amount = negative ? { units: -units, nanos: 0 - fraction } : { units, nanos: fraction };
      const text = formatAmount(amount);
      expect(text).toMatch(/^-?\d+\.\d{2,9}$/);
      expect(parseMoney(text, "USD")).toEqual({ currencyCode: "USD", ...amount });
    }),
  );
});

test("every text of digits is read as the number that it says", () => {
  const digits = fc.stringMatching(/^\d{1,18}$/);
  const decimals = fc.stringMatching(/^\d{1,9}$/);
  fc.assert(
    fc.property(digits, decimals, (whole, fraction) => {
      const money = parseMoney(`${whole}.${fraction}`, "USD");
      const total = money.units * 10n ** 9n + BigInt(money.nanos);
      expect(total).toBe(BigInt(whole + fraction.padEnd(9, "0")));
    }),
  );
});

test.each([
  [45n, 990_000_000, "45.99"],
  [1500n, 0, "1500.00"],
  [0n, 1, "0.000000001"],
  [0n, -500_000_000, "-0.50"],
  [-1n, -10_000_000, "-1.01"],
])("%d units and %d nanos are shown as %s", (units, fraction, text) => {
  expect(formatAmount({ units, nanos: fraction })).toBe(text);
});
