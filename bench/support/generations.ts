import type { Plan } from "./bench.ts";

/**
 * Measures in several generations of processes, each with its part of the rounds: a process of Node.js can be lucky, or
 * unlucky, from its start to its end. What comes back are the samples of all of them, round for round.
 */
export async function inGenerations<V extends string, S>(
  count: number,
  plan: Plan,
  measure: (plan: Plan) => Promise<Record<V, S[]>>,
): Promise<Record<V, S[]>> {
  const ofEach = { ...plan, rounds: Math.ceil(plan.rounds / count) };
  const all = await measure(ofEach);
  for (let generation = 1; generation < count; generation += 1) {
    const more = await measure(ofEach);
    for (const variant in all) all[variant].push(...more[variant]);
  }
  return all;
}
