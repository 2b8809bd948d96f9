/** When does a replica get calls that a name server has begun to name, and what do callers see when it goes? */
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { freePort } from "@org/database/testing";
import { type CountingServer, startCountingServer } from "../support/counting-server.ts";
import { startDns } from "../support/dns-stub.ts";
import { report } from "../support/figures.ts";
import { startLoadProcess } from "../support/load-process.ts";

const ageMs = 2_000;
const name = "replicas.test";

test("a replica is added to a name, and another removed, under load", async () => {
  const port = await freePort();
  const start = (host: string): Promise<CountingServer> =>
    startCountingServer(undefined, { host, port, maxConnectionAgeMs: ageMs, graceMs: 5_000 });
  const first = await start("127.0.0.1");
  await using second = await start("127.0.0.2");
  await using dns = await startDns({ [name]: ["127.0.0.1", "127.0.0.2"] });
  await using load = await startLoadProcess(`dns://${dns.target}/${name}:${port}`, 300);
  await delay(3_000);

  await using third = await start("127.0.0.3");
  dns.set(name, ["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
  const added = performance.now();
  while (third.calls === 0) await delay(10);
  const usedMs = performance.now() - added;
  await delay(3_000);
  const before = [first, second, third].map(({ calls }) => calls);
  await delay(3_000);
  const shares = [first, second, third].map(({ calls }, index) => calls - (before[index] ?? 0));

  dns.set(name, ["127.0.0.2", "127.0.0.3"]);
  await first[Symbol.asyncDispose]();
  await delay(4_000);
  const { calls, failures } = await load.stop();
  const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
  report({
    what: "a DNS replica added and removed under load",
    must: "0 failures; the new one used within connection age + 5 s",
    measured: `${failed} of ${calls} calls failed; with an age of ${ageMs} ms, the new one was used after ${usedMs.toFixed(0)} ms`,
  });
  expect(failures).toEqual({});
  expect(usedMs).toBeLessThan(ageMs + 5_000);
  const even = shares.reduce((sum, share) => sum + share, 0) / 3;
  for (const share of shares) expect(Math.abs(share - even)).toBeLessThan(even * 0.15);
});
