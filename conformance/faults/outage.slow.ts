/** What do clients do while there is no replica at all, and once there are some again? */
import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "@jest/globals";
import { UserServiceDefinition } from "@org/contracts/user/v1";
import { RpcError } from "@org/kit";
import { Code, createChannel, createClient } from "@org/kit/client";
import { startCountingServer, userReading } from "../support/counting-server.ts";
import { report } from "../support/figures.ts";
import { startReplicas } from "../support/replicas.ts";
import { failuresIn, startLoad, summaryOf } from "../support/steady-load.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: unknown = runInNewContext("gc");

/** What the heap has that is still in use, in bytes. */
function heapBytes(): number {
  if (typeof collectGarbage !== "function") throw new Error("the garbage cannot be collected");
  Reflect.apply(collectGarbage, undefined, []);
  return process.memoryUsage().heapUsed;
}

const outageMs = 60_000;
const mebibyte = 1024 * 1024;

test("all replicas down for 60 s", async () => {
  await using replicas = await startReplicas(3);
  using client = replicas.connect();
  const { users } = client;
  const { id: userId } = await users.createUser({ name: "Ada", email: "ada@example.org" });
  const load = startLoad(300, () => users.getUser({ userId }));
  await delay(5_000);
  for (const index of replicas.ports.keys()) replicas.process(index).kill("SIGKILL");
  const downMs = load.elapsedMs();
  await delay(5_000);
  const before = heapBytes();
  await delay(outageMs - 5_000);
  const grown = (heapBytes() - before) / mebibyte;
  await Promise.all(replicas.ports.map((_, index) => replicas.restart(index)));
  const upMs = load.elapsedMs();
  await delay(5_000);
  const failed = failuresIn(await load.stop());
  const recoveredMs = Math.max(0, ...failed.map(({ begunMs }) => begunMs)) - upMs;
  report({
    what: "all replicas down for 60 s",
    must: "no growth; recovery within 2 s",
    measured: `${Math.max(0, grown).toFixed(0)} MiB of heap more after a minute at 300 calls/s, with what the test keeps of them; the last call that failed began ${Math.max(0, recoveredMs).toFixed(0)} ms after the replicas were back`,
  });
  expect(summaryOf(failed.filter(({ begunMs }) => begunMs < downMs - 1_000))).toEqual({});
  expect(new Set(failed.map(({ code }) => code))).toEqual(new Set([Code.UNAVAILABLE]));
  expect(recoveredMs).toBeLessThan(2_000);
  // The outcomes of 16,500 calls are kept, at a few hundred bytes each.
  expect(grown).toBeLessThan(12);
});

test("all replicas refuse every call for 20 s", async () => {
  await using server = await startCountingServer(() => {
    throw new RpcError(Code.UNAVAILABLE, "down");
  });
  const channel = createChannel({
    target: server.server.target,
    services: [UserServiceDefinition],
  });
  const client = createClient(userReading, { channel });
  const load = startLoad(300, () => client.getUser({ userId: "u" }));
  await delay(20_000);
  const outcomes = await load.stop();
  channel.close();
  const added = (100 * (server.calls - outcomes.length)) / outcomes.length;
  report({
    what: "all replicas answer UNAVAILABLE",
    must: "retries add ≤ 20 %",
    measured: `${outcomes.length} calls, ${server.calls} attempts: ${added.toFixed(1)} % added`,
  });
  expect(failuresIn(outcomes)).toHaveLength(outcomes.length);
  expect(server.calls).toBeGreaterThanOrEqual(outcomes.length);
  expect(added).toBeLessThanOrEqual(20);
});
