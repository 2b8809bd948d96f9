/**
 * What does it cost a warm unary call that its contract is enforced? Two servers differ in nothing
 * else: one has GetProduct's policy and check, and knows its caller; the other has neither. Both get
 * the same calls in turns, and what is compared is their processor time per call, which is what bounds
 * the throughput of a server that is busy.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { GetProductRequest, Product } from "@org/contracts/product/v1";
import { callUnary, closeLoad, openLoad } from "./support/load.ts";
import { medianInterval, medianOf } from "./support/median.ts";

const rounds = 60;
const callsPerRound = 8_000;
const warmUpCalls = 40_000;
const concurrency = 50;

/** What both servers answer. */
const product = Product.fromPartial({
  id: "p001",
  name: "Laptop Pro X",
  description: "A laptop for people who carry it all day",
  category: "Electronics",
  unitPrice: { currencyCode: "USD", units: 1299n, nanos: 990_000_000 },
});

const variants = ["enforced", "bare"] as const;
const callers = { "sets a deadline": "5S", "sets none": undefined } as const;

/** Measures, prints a table, and keeps the figures in bench/results. */
export async function policyCost(): Promise<void> {
  const results = [];
  for (const [caller, timeout] of Object.entries(callers)) {
    const enforced = await startServer("enforced");
    const bare = await startServer("bare");
    const servers = { enforced, bare };
    const times = { enforced: [] as number[], bare: [] as number[] };
    const rates = { enforced: [] as number[], bare: [] as number[] };
    for (const variant of variants) await servers[variant].measure(warmUpCalls, timeout);
    for (let round = 0; round < rounds; round++) {
      // In turns, and each first as often as last: whatever else the machine does meets both.
      for (const variant of round % 2 === 0 ? variants : variants.toReversed()) {
        const { microseconds, callsPerSecond } = await servers[variant].measure(
          callsPerRound,
          timeout,
        );
        times[variant].push(microseconds);
        rates[variant].push(callsPerSecond);
      }
    }
    for (const variant of variants) servers[variant].stop();
    const ratios = times.enforced.map((time, round) => time / (times.bare[round] ?? Number.NaN));
    results.push({
      caller,
      bareMicroseconds: medianOf(times.bare),
      enforcedMicroseconds: medianOf(times.enforced),
      ratio: medianOf(ratios),
      ratioInterval: medianInterval(ratios),
      bareCallsPerSecond: medianOf(rates.bare),
      enforcedCallsPerSecond: medianOf(rates.enforced),
    });
  }
  const run = {
    bench: "policy-cost",
    node: process.version,
    cpu: cpus()[0]?.model,
    rounds,
    callsPerRound,
    results,
  };
  const folder = new URL("results/", import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL("policy-cost.json", folder), `${JSON.stringify(run, null, 2)}\n`);
  console.table(
    results.map(({ caller, bareMicroseconds, enforcedMicroseconds, ratio, ratioInterval }) => ({
      "the caller": caller,
      "bare, µs a call": bareMicroseconds.toFixed(1),
      "enforced, µs a call": enforcedMicroseconds.toFixed(1),
      "enforced to bare": ratio.toFixed(3),
      "95 % interval": ratioInterval.map((each) => each.toFixed(3)).join(" to "),
    })),
  );
}

interface Measured {
  readonly microseconds: number;
  readonly callsPerSecond: number;
}

interface BenchServer {
  measure(calls: number, timeout: string | undefined): Promise<Measured>;
  stop(): void;
}

async function startServer(variant: (typeof variants)[number]): Promise<BenchServer> {
  const child = fork(new URL("support/policy-server.ts", import.meta.url), [variant]);
  const ask = async (question: object): Promise<number> => {
    const answer = once(child, "message");
    child.send(question);
    return Number((await answer)[0]);
  };
  const port = Number((await once(child, "message"))[0]);
  const session = await openLoad(port);
  const body = GetProductRequest.encode({ productId: "p001" }).finish();
  const expected = Buffer.from(Product.encode(product).finish());
  return {
    async measure(calls, timeout) {
      const before = await ask({ usage: true });
      const start = performance.now();
      const path = "/org.product.v1.ProductService/GetProduct";
      await callUnary({ session, path, body, expected, timeout, calls, concurrency });
      const seconds = (performance.now() - start) / 1000;
      const after = await ask({ usage: true });
      return { microseconds: (after - before) / calls, callsPerSecond: calls / seconds };
    },
    stop() {
      closeLoad(session);
      // It would drain, and stay for as long as this process may ask it something.
      child.kill("SIGKILL");
    },
  };
}
