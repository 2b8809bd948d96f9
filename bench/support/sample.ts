import { z } from "zod";
import { ratioOf, type Spread, spreadOf } from "./spread.ts";

/** What one turn of a server or a client came to. */
export interface Sample {
  /** Calls, or messages of streams, in a second. */
  readonly perSecond: number;
  /** The processor time for each of them, in microseconds. */
  readonly cpuMicroseconds: number;
  /** How much of a core it used: much less than 1 says that something else was the limit. */
  readonly busy: number;
  /** Which part of the calls was refused; none where it is undefined. */
  readonly refused?: number | undefined;
}

export const sample: z.ZodType<Sample> = z.object({
  perSecond: z.number(),
  cpuMicroseconds: z.number(),
  busy: z.number(),
  refused: z.number().optional(),
});

/** What the turns of one came to, beside those of another one in the same rounds. */
export interface Comparison {
  readonly rate: Spread;
  readonly cost: Spread;
  readonly busy: number;
  /** How many times as much it did. */
  readonly ratio: Spread;
  /** How many times as much it does with the same processor time. */
  readonly costRatio: Spread;
}

/** Compares the samples of one with those of another. */
export function compare(samples: readonly Sample[], others: readonly Sample[]): Comparison {
  return {
    rate: spreadOf(ratesOf(samples)),
    cost: spreadOf(costsOf(samples)),
    busy: spreadOf(samples.map(({ busy }) => busy)).median,
    ratio: ratioOf(ratesOf(samples), ratesOf(others)),
    costRatio: ratioOf(costsOf(others), costsOf(samples)),
  };
}

function ratesOf(samples: readonly Sample[]): number[] {
  return samples.map(({ perSecond }) => perSecond);
}

function costsOf(samples: readonly Sample[]): number[] {
  return samples.map(({ cpuMicroseconds }) => cpuMicroseconds);
}
