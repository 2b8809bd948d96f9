/** What does a server answer when it gets twice, and ten times, the calls that it can? */
import { expect, test } from "@jest/globals";
import { startPostgres } from "@org/database/testing";
import { createChannel, createClient } from "@org/kit/client";
import { HealthDefinition } from "@org/kit/health";
import { report } from "../support/figures.ts";
import { type LoadResult, runLoad } from "../support/overload.ts";
import { failuresIn, startLoad, summaryOf } from "../support/steady-load.ts";
import { startTarget } from "../support/target.ts";
import { expectUnharmed, rehearsed } from "../support/unharmed.ts";

const minGoodput = 0.9;
const maxRefusalMs = 50;
const timeoutMs = 5_000;

/** Long enough for what came at first, before it was known to be too much, to be answered. */
const warmUpMs = 3_000;
const durationMs = 8_000;

test.each([
  { title: "handlers that compute for 4 ms", userId: "cpu:4", inFlight: 4 },
  {
    title: "handlers that wait for one of 10 database connections",
    userId: "sql:20",
    inFlight: 10,
  },
])("$title", async ({ title, userId, inFlight }) => {
  await using postgres = await startPostgres();
  await using target = await startTarget({ databaseUrl: await postgres.createDatabase() });
  const load = (perSecond: number): Promise<LoadResult> =>
    runLoad({
      ...{ target: target.address, userId, perSecond, inFlight },
      ...{ durationMs, warmUpMs, timeoutMs },
    });
  const { answered: capacity } = await load(0);

  const before = await rehearsed(target, () => load(Math.round(capacity * 10)));

  const channel = createChannel({ target: target.address });
  const health = createClient(HealthDefinition, { channel });
  const checks = startLoad(10, () => health.check({}, { timeoutMs: 1_000 }));
  const measured: string[] = [];
  for (const factor of [2, 10]) {
    const result = await load(Math.round(capacity * factor));
    const goodput = result.answered / capacity;
    measured.push(
      `${factor} ×: goodput ${Math.round(goodput * 100)} %, refused within ${Math.ceil(result.refusalMs.p99)} ms (p99), answered within ${Math.ceil(result.answerMs.p99)} ms`,
    );
    expect(result.failures).toEqual({});
    expect(result.offered).toBeGreaterThan(0.95 * factor * capacity);
    expect(goodput).toBeGreaterThan(minGoodput);
    expect(result.refusalMs.p99).toBeLessThan(maxRefusalMs);
    // By trailer and by detail.
    expect(result.saidWhen).toBe(result.refused);
  }
  // Health checks are never refused.
  const checked = await checks.stop();
  channel.close();
  expect(summaryOf(failuresIn(checked))).toEqual({});
  await expectUnharmed(target, before);
  report({
    what: `2 × and 10 × the capacity: ${title}`,
    must: "goodput ≥ 90 % of the capacity; the rest refused within 50 ms; no growth",
    measured: `capacity ${Math.round(capacity)} calls/s; ${measured.join("; ")}; 0 of ${checked.length} health checks failed`,
  });
});
