/**
 * Measures variants in turns, round for round, and each first as often as last: whatever else the machine does meets
 * all of them.
 */
export async function interleave<V extends string, S>(
  variants: readonly V[],
  rounds: number,
  measure: (variant: V) => Promise<S>,
): Promise<Record<V, S[]>> {
  const samples = variants.map((variant) => [variant, [] as S[]] as const);
  for (let round = 0; round < rounds; round += 1) {
    for (const [variant, list] of round % 2 === 0 ? samples : samples.toReversed()) {
      list.push(await measure(variant));
    }
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- It has each of the variants, which no type of `fromEntries` can say.
  return Object.fromEntries(samples) as Record<V, S[]>;
}
