/**
 * What does it cost a warm unary call that its contract is enforced? Two servers differ in nothing
 * else: one has GetProduct's policy and check, and knows its caller; the other has neither. Both get
 * the same calls in turns, and what is compared is their processor time per call, which is what bounds
 * the throughput of a server that is busy.
 */
import { join } from "node:path";
import { GetProductRequest, Product } from "@org/contracts/product/v1";
import { z } from "zod";
import type { Bench, Report } from "./support/bench.ts";
import { startChild } from "./support/child.ts";
import { callUnary, closeLoad, openLoad } from "./support/load.ts";
import { medianInterval, medianOf } from "./support/median.ts";
import { table } from "./support/table.ts";

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

/** The cost of a call with and without its policy, for callers of one sort. */
interface Cost {
  readonly caller: string;
  readonly bareMicroseconds: number;
  readonly enforcedMicroseconds: number;
  readonly ratio: number;
  /** Between which two values the ratio's median is, with 95 % confidence. */
  readonly ratioInterval: readonly number[];
  readonly bareCallsPerSecond: number;
  readonly enforcedCallsPerSecond: number;
}

interface Result {
  readonly callsPerRound: number;
  readonly results: readonly Cost[];
}

const cost = z.object({
  caller: z.string(),
  bareMicroseconds: z.number(),
  enforcedMicroseconds: z.number(),
  ratio: z.number(),
  ratioInterval: z.array(z.number()),
  bareCallsPerSecond: z.number(),
  enforcedCallsPerSecond: z.number(),
});

export const policyCost: Bench<Result> = {
  name: "policy-cost",
  isQuick: false,
  packages: ["@grpc/grpc-js"],
  // The difference is so small that it takes many rounds to see it.
  ownPlan: (plan) => ({ ...plan, rounds }),
  result: z.object({ callsPerRound: z.number(), results: z.array(cost) }),
  measure,
  report,
};

async function measure(): Promise<Result> {
  const results: Cost[] = [];
  for (const [caller, timeout] of Object.entries(callers)) {
    console.log(`policy-cost: the caller ${caller}`);
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
    for (const variant of variants) await servers[variant].stop();
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
  return { callsPerRound, results };
}

function report({ results }: Result): Report {
  return {
    markdown: table(
      [
        ...["the caller", "without a policy, µs a call", "with it, µs a call", "with to without"],
        "95 % interval",
      ],
      results.map(({ caller, bareMicroseconds, enforcedMicroseconds, ratio, ratioInterval }) => [
        caller,
        bareMicroseconds.toFixed(1),
        enforcedMicroseconds.toFixed(1),
        ratio.toFixed(3),
        ratioInterval.map((each) => each.toFixed(3)).join(" to "),
      ]),
    ),
    charts: {},
    goals: [],
  };
}

interface Measured {
  readonly microseconds: number;
  readonly callsPerSecond: number;
}

interface BenchServer {
  measure(calls: number, timeout: string | undefined): Promise<Measured>;
  stop(): Promise<void>;
}

async function startServer(variant: (typeof variants)[number]): Promise<BenchServer> {
  const file = join(import.meta.dirname, "support/policy-server.ts");
  const child = startChild("measured", file, [variant]);
  const ask = (question: object): Promise<number> => child.ask(question, z.number());
  const port = await child.next(z.number());
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
    async stop() {
      closeLoad(session);
      await child[Symbol.asyncDispose]();
    },
  };
}
