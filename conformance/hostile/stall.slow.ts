/** What becomes of the calls that have piled up while a server stood still, and of those given up meanwhile? */
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { Code, createChannel, createClient } from "@org/kit/client";
import { report } from "../support/figures.ts";
import { startLoad, summaryOf } from "../support/steady-load.ts";
import { startTarget, targetUsers } from "../support/target.ts";

const callsPerSecond = 1_600;
const stallMs = 1_500;
const stalls = 4;

test("calls that pile up while a server stands still", async () => {
  await using target = await startTarget();
  const channel = createChannel({ target: target.address, services: [targetUsers] });
  const client = createClient(targetUsers, { channel });
  const load = startLoad(callsPerSecond, async (number) => {
    const abort = new AbortController();
    const givenUp = number % 20 === 0;
    if (givenUp) {
      setTimeout(() => {
        abort.abort();
      }, number % 7);
    }
    await client.getUser({ userId: givenUp ? "cpu:5" : "u" }, { signal: abort.signal });
  });
  for (let stall = 0; stall < stalls; stall += 1) {
    await delay(stallMs);
    target.signal("SIGSTOP");
    await delay(stallMs);
    target.signal("SIGCONT");
  }
  await delay(stallMs);
  const outcomes = summaryOf(await load.stop());
  channel.close();
  const total = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
  const { "OK ": ok = 0, ...others } = outcomes;
  // Given up, or shed by a server that has two thousand calls to catch up with.
  const expected = [Code.CANCELLED, Code.UNAVAILABLE].map((code) => Code[code]);
  expect(
    Object.keys(others).filter((key) => !expected.some((name) => key.startsWith(name))),
  ).toEqual([]);
  expect(ok / total).toBeGreaterThan(0.9);
  report({
    what: `${stalls} stalls of ${stallMs / 1_000} s at ${callsPerSecond} calls/s with 5 % cancellations`,
    must: "those given up and a few that are shed fail, no other",
    measured: `${ok} of ${total} answered, ${total - ok} given up or shed`,
  });
}, 60_000);
