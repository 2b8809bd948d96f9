/** The value in the middle, or the mean of the two that are. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/**
 * Between which two values the median of what they are a sample of is, with 95 % confidence: by their ranks,
 * whatever their distribution (the sign test's interval, in its normal approximation).
 */
export function medianInterval(values: readonly number[]): [number, number] {
  const sorted = values.toSorted((a, b) => a - b);
  const below = Math.max(0, Math.floor((values.length - 1.96 * Math.sqrt(values.length)) / 2));
  return [sorted[below] ?? Number.NaN, sorted[values.length - 1 - below] ?? Number.NaN];
}
