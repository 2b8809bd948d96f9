/** The value in the middle. */
export function medianOf(values: readonly number[]): number {
  return quantileOf(values, 0.5);
}

/** The quartiles: between them is half of the values. */
export function spreadOf(values: readonly number[]): [number, number] {
  return [quantileOf(values, 0.25), quantileOf(values, 0.75)];
}

function quantileOf(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position % 1);
}
