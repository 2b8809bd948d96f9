/** What becomes of calls when one of three replicas hangs, with all its connections open? */
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { report } from "../support/figures.ts";
import { startReplicas } from "../support/replicas.ts";
import { failuresIn, startLoad, summaryOf } from "../support/steady-load.ts";

test("SIGSTOP of one of 3 replicas at 1,000 calls a second, of which a tenth is not idempotent", async () => {
  await using replicas = await startReplicas(3);
  using client = replicas.connect();
  const { users } = client;
  const { id: userId } = await users.createUser({ name: "Ada", email: "ada@example.org" });
  const reads = startLoad(900, () => users.getUser({ userId }));
  const writes = startLoad(100, (number) =>
    users.createUser({ name: `User ${number}`, email: "u@example.org" }),
  );
  await delay(3_000);
  const stoppedMs = reads.elapsedMs();
  replicas.process(1).kill("SIGSTOP");
  await delay(12_000);
  replicas.process(1).kill("SIGCONT");
  await delay(3_000);
  const idempotent = await reads.stop();
  const others = await writes.stop();
  const outcomes = [...idempotent, ...others];
  const failed = failuresIn(outcomes);
  const late = failed.filter(({ begunMs }) => begunMs > stoppedMs + 1_000);
  const last = Math.max(0, ...failed.map(({ begunMs }) => begunMs - stoppedMs));
  const percent = (100 * failed.length) / outcomes.length;
  report({
    what: "SIGSTOP of one of 3 replicas at 1,000 calls/s",
    must: "≤ 1 % fail, none that began more than 1 s later",
    measured: `${failuresIn(idempotent).length} of ${idempotent.length} idempotent and ${failuresIn(others).length} of ${others.length} other calls failed (${percent.toFixed(2)} %), the last began ${Math.round(last)} ms later`,
  });
  expect(summaryOf(late)).toEqual({});
  expect(percent).toBeLessThanOrEqual(1);
});
