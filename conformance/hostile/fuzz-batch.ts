import { setTimeout as delay } from "node:timers/promises";
import type { Target } from "../support/target.ts";
import { addToCorpus } from "./corpus.ts";
import { type FuzzOutcome, runFuzzed } from "./fuzz-run.ts";

/** All that one client sends. */
export interface FuzzCase {
  /** What it is, and how to make it again. */
  readonly what: string;
  readonly bytes: Buffer;
  /** Whether a file has it already. */
  readonly isKept?: boolean;
}

/** How many connections there are at a time. */
const concurrency = 16;

/** When a target hangs that has not said how it is, in milliseconds. */
const answersWithinMs = 10_000;

/** Runs cases, some at a time. Resolves with what came of each. After one that hangs, it asks whether to go on. */
export async function runCases(
  port: number,
  all: readonly FuzzCase[],
  goesOn: () => Promise<boolean> = () => Promise.resolve(true),
): Promise<FuzzOutcome[]> {
  const outcomes: FuzzOutcome[] = [];
  const rest = all.entries();
  let isStopped = false;
  const worker = async (): Promise<void> => {
    for (const [index, { bytes }] of rest) {
      const outcome = await runFuzzed(port, bytes);
      outcomes[index] = outcome;
      if (outcome.hangs && !(await goesOn())) isStopped = true;
      if (isStopped) return;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return outcomes;
}

/**
 * Runs cases against a target. Rejects where its process ends or hangs, with the name of the case that makes it: that
 * is found out on another target, and kept for all runs from now on.
 */
export async function runBatch(
  target: Target,
  all: readonly FuzzCase[],
  startAnother: () => Promise<Target>,
): Promise<FuzzOutcome[]> {
  try {
    const outcomes = await runCases(target.port, all, () => isAlive(target));
    if (await isAlive(target)) return outcomes;
  } catch (error) {
    if (await isAlive(target)) throw error;
  }
  await using another = await startAnother();
  for (const each of all) {
    await runFuzzed(another.port, each.bytes).catch(() => undefined);
    if (await isAlive(another)) continue;
    throw new Error(`${each.what} makes the target end or hang: ${await keep(each)}`);
  }
  const names = all.map(({ what }) => what).join();
  throw new Error(`the target ends or hangs, but none of these alone makes it do that: ${names}`);
}

/** Puts a case into the corpus. Resolves with the name of its file. */
export async function keep({ what, bytes, isKept = false }: FuzzCase): Promise<string> {
  return isKept ? what : addToCorpus(what, bytes);
}

function isAlive(target: Target): Promise<boolean> {
  const answers = target.state().then(
    () => true,
    () => false,
  );
  return Promise.race([answers, delay(answersWithinMs, false, { ref: false })]);
}
