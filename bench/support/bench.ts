import type { z } from "zod";
import { number, spreadText } from "./format.ts";
import type { Spread } from "./spread.ts";

/** How long and how often is measured. */
export interface Plan {
  /** How often each variant has its turn. */
  readonly rounds: number;
  /** How long one turn takes, in milliseconds. */
  readonly sliceMs: number;
  /** How long each variant works before it is measured, in milliseconds. */
  readonly warmUpMs: number;
}

/** What a goal of the project has come to. */
export interface Goal {
  readonly what: string;
  /** What it has to be: `≥ 6 ×`. */
  readonly target: string;
  readonly measured: string;
  /** The same ratio of processor times, which a machine that does other things as well changes less. */
  readonly byProcessorTime: string;
  /** What is missing; undefined where it is reached. */
  readonly missing: string | undefined;
}

/** What a bench says of its result. */
export interface Report {
  /** Tables and charts, for docs/performance.md. */
  readonly markdown: string;
  /** Drawings, by the names of their files in docs/performance. */
  readonly charts: Readonly<Record<string, string>>;
  readonly goals: readonly Goal[];
}

/** One question, measured. */
export interface Bench<Result> {
  /** Its name on the command line, its file in bench/results, and its place in docs/performance.md. */
  readonly name: string;
  /** Whether it is one of the few minutes of `pnpm bench`. */
  readonly isQuick: boolean;
  /** The registry packages whose versions the result depends on. */
  readonly packages: readonly string[];
  /** Whether each of its processes is kept on a core of its own; true by default. */
  readonly isPinnedApart?: boolean;
  /** How it departs from the plan of all; not at all by default. */
  readonly ownPlan?: (plan: Plan) => Plan;
  /** What it measures, as it is kept. */
  readonly result: z.ZodType<Result>;
  measure(plan: Plan): Promise<Result>;
  report(result: Result): Report;
}

/** A goal for how many times as much ours does as another one: at all, and with the same processor time. */
export function atLeast(what: string, ratio: Spread, costRatio: Spread, target: number): Goal {
  return {
    what,
    target: `≥ ${target} ×`,
    measured: spreadText(ratio, number, " ×"),
    byProcessorTime: costRatio.median > 0 ? `${number(costRatio.median)} ×` : "",
    missing: ratio.median >= target ? undefined : `${number(target - ratio.median)} ×`,
  };
}

/** A goal for a value of which less is better. */
export function atMost(what: string, value: number, target: number, unit: string): Goal {
  return {
    what,
    target: `≤ ${target}${unit}`,
    measured: `${number(value)}${unit}`,
    byProcessorTime: "",
    missing: value <= target ? undefined : `${number(value - target)}${unit}`,
  };
}
