import type { Spread } from "./spread.ts";

/** A number with as many digits as say something: 1.23, 12.3, 1,234. */
export function number(value: number): string {
  const digits = Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0;
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** A number without fractions: 12,345. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** A median, and between what the values are: 12.3 (11.0 – 14.5). */
export function spreadText(
  { median, min, max }: Spread,
  format: (value: number) => string = number,
  unit = "",
): string {
  return `${format(median)}${unit} (${format(min)} – ${format(max)})`;
}
