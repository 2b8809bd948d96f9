/** Does the memory of a server grow over ten minutes of calls, of which one in twenty is given up? */
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { type Client, Code, createChannel, createClient } from "@org/kit/client";
import { report } from "../support/figures.ts";
import { type Outcome, startLoad, summaryOf } from "../support/steady-load.ts";
import { startTarget, targetUsers } from "../support/target.ts";

const mebibyte = 1024 * 1024;
const minute = 60_000;
const warmUpMs = 2 * minute;
const durationMs = 10 * minute;
const sampleMs = 10_000;
const maxSlope = 0.5;

/** One of the three kinds of calls that the target answers; one in twenty is given up when it is under way. */
async function call(client: Client<typeof targetUsers>, number: number): Promise<void> {
  const abort = new AbortController();
  const { signal } = abort;
  if (number % 20 === 0) {
    setTimeout(() => {
      abort.abort();
    }, number % 7);
  }
  if (number % 5 === 1) {
    for await (const _ of client.listUsers({ pageToken: "50" }, { signal }));
  } else if (number % 5 === 2) {
    const user = { name: "Ada", email: "ada@example.com" };
    await client.bulkCreateUsers([user, user, user], { signal });
  } else {
    // Long enough to be given up.
    await client.getUser({ userId: number % 20 === 0 ? "cpu:5" : "u" }, { signal });
  }
}

/** By how much a line through the samples rises, in their unit a millisecond: least squares. */
function slopeOf(samples: readonly { readonly at: number; readonly bytes: number }[]): number {
  const mean = (of: (sample: { at: number; bytes: number }) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const at = mean((sample) => sample.at);
  const bytes = mean((sample) => sample.bytes);
  return (
    mean((sample) => (sample.at - at) * (sample.bytes - bytes)) /
    mean((sample) => (sample.at - at) ** 2)
  );
}

test(
  "a 10-minute soak",
  async () => {
    await using target = await startTarget();
    const channel = createChannel({ target: target.address, services: [targetUsers] });
    const client = createClient(targetUsers, { channel });
    const samples: { at: number; bytes: number }[] = [];
    const total: Record<string, number> = {};
    let answered = 0;
    const start = performance.now();
    // A load at a time, so that the test does not keep what became of half a million calls.
    while (performance.now() - start < durationMs) {
      const load = startLoad(800, (number) => call(client, number));
      await delay(sampleMs);
      const outcomes: readonly Outcome[] = await load.stop();
      for (const [key, count] of Object.entries(summaryOf(outcomes))) {
        total[key] = (total[key] ?? 0) + count;
      }
      answered += outcomes.length;
      const { heapBytes, handlers } = await target.state();
      expect(handlers).toBe(0);
      const at = performance.now() - start;
      if (at > warmUpMs) samples.push({ at, bytes: heapBytes });
    }
    channel.close();
    const { "OK ": ok = 0, ...others } = total;
    // Those that were given up, or that a busy machine had no time for.
    const expected = [Code.CANCELLED, Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED];
    const names = expected.map((code) => Code[code]);
    expect(
      Object.keys(others).filter((key) => !names.some((name) => key.startsWith(name))),
    ).toEqual([]);
    expect(ok / answered).toBeGreaterThan(0.9);
    const slope = (slopeOf(samples) * minute) / mebibyte;
    expect(slope).toBeLessThanOrEqual(maxSlope);
    report({
      what: "a 10-minute soak with 5 % cancellations",
      must: "heap slope ≤ 0.5 MB/min after warm-up",
      measured: `${slope.toFixed(3)} MiB a minute over ${answered} calls, ${answered - ok} given up`,
    });
  },
  durationMs + 2 * minute,
);
