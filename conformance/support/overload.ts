import { fork } from "node:child_process";
import { once } from "node:events";
import { z } from "zod";

/** What came of the calls of a load. */
export interface LoadResult {
  /** How many calls were made in a second. */
  readonly offered: number;
  /** How many were answered in a second. */
  readonly answered: number;
  /** How long the answered ones took, in milliseconds: half of them, and 99 of 100. */
  readonly answerMs: { readonly p50: number; readonly p99: number };
  /** How many were refused, and how many failed otherwise. */
  readonly refused: number;
  readonly failures: Readonly<Record<string, number>>;
  /** How long refusals took, in milliseconds. */
  readonly refusalMs: { readonly p50: number; readonly p99: number };
  /** How many refusals said when to try again, by trailer and by detail. */
  readonly saidWhen: number;
}

/** What a load consists of. */
export interface LoadOptions {
  readonly target: string;
  /** The id that GetUser is asked for. */
  readonly userId: string;
  /** How many calls are begun in a second; 0: as many as keep `inFlight` under way. */
  readonly perSecond: number;
  readonly inFlight?: number;
  /** For how long, in milliseconds, and for how long before that nothing is counted. */
  readonly durationMs: number;
  readonly warmUpMs: number;
  readonly timeoutMs: number;
}

const quantiles = z.object({ p50: z.number(), p99: z.number() });

const resultSchema: z.ZodType<LoadResult> = z.object({
  offered: z.number(),
  answered: z.number(),
  answerMs: quantiles,
  refused: z.number(),
  failures: z.record(z.string(), z.number()),
  refusalMs: quantiles,
  saidWhen: z.number(),
});

/** Calls a target from a process of its own, without trying anything again. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const child = fork(new URL("overload-main.ts", import.meta.url), [JSON.stringify(options)], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const result = Promise.withResolvers<unknown>();
  child.once("message", result.resolve);
  const ended = once(child, "close");
  await ended;
  result.reject(new Error("the load ended without a result"));
  return resultSchema.parse(await result.promise);
}
