/** What becomes of calls when one of three replicas is killed? */
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { report } from "../support/figures.ts";
import { startReplicas } from "../support/replicas.ts";
import { failuresIn, startLoad, summaryOf } from "../support/steady-load.ts";

test("kill -9 of one of 3 replicas at 1,000 calls a second", async () => {
  await using replicas = await startReplicas(3);
  using client = replicas.connect();
  const { users } = client;
  const { id: userId } = await users.createUser({ name: "Ada", email: "ada@example.org" });

  const acknowledged: string[] = [];
  const reads = startLoad(700, () => users.getUser({ userId }));
  const writes = startLoad(300, async (number) => {
    const { name } = await users.createUser({ name: `User ${number}`, email: "u@example.org" });
    acknowledged.push(name);
  });
  await delay(3_000);
  replicas.process(1).kill("SIGKILL");
  await delay(5_000);
  const failedReads = failuresIn(await reads.stop());
  const failedWrites = failuresIn(await writes.stop());

  await using session = await replicas.postgres.connect(replicas.database);
  const rows = await session.query("select name, count(*)::int as count from users group by name");
  const stored = new Map(rows.map(({ name, count }) => [name, count]));
  const repeated = [...stored].filter(([, count]) => count !== 1);
  const lost = acknowledged.filter((name) => !stored.has(name));

  report({
    what: "kill -9 of one of 3 replicas at 1,000 calls/s",
    must: "0 idempotent calls fail; others ≤ 20; nothing duplicated",
    measured: `${failedReads.length} idempotent and ${failedWrites.length} other calls failed; ${repeated.length} duplicated, ${lost.length} lost`,
  });
  expect(summaryOf(failedReads)).toEqual({});
  expect(failedWrites.length).toBeLessThanOrEqual(20);
  expect({ repeated, lost }).toEqual({ repeated: [], lost: [] });
});
