/** How long do unary calls take that come at a rate which leaves the server time to spare? */
import { z } from "zod";
import { atMost, type Bench, type Plan, type Report } from "./support/bench.ts";
import { number, spreadText } from "./support/format.ts";
import { inGenerations } from "./support/generations.ts";
import { type Generator, startGenerator } from "./support/generator.ts";
import { interleave } from "./support/interleave.ts";
import { refusal } from "./support/load-job.ts";
import { peers, type RunningPeer, startPeer } from "./support/peers.ts";
import { medianOf } from "./support/median.ts";
import { spreadOf } from "./support/spread.ts";
import { table } from "./support/table.ts";
import { signToken, type Token } from "./support/token.ts";

const rates = ["1000", "3000"] as const;
const names = ["ours", "grpc-js", "nice-grpc", "connect-node"] as const;
type Name = (typeof names)[number];
const connections = 4;

/** The slowest of a hundred calls need some hundreds of calls to be seen. */
const minSliceMs = 1_500;

/** One pause of the machine decides what a round's slowest calls take: it takes many rounds to see more than those. */
const minRounds = 25;

/** How many times the servers are started anew for each rate. */
const generations = 5;

interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Which part of the calls was refused, as ours does where it has more to do than it can. */
  readonly refused: number;
}

interface Result {
  readonly rates: Record<(typeof rates)[number], Record<Name, Latency[]>>;
}

const latencies = z.array(
  z.object({ p50Ms: z.number(), p99Ms: z.number(), maxMs: z.number(), refused: z.number() }),
);

export const latency: Bench<Result> = {
  name: "latency",
  isQuick: true,
  ownPlan: (plan) => ({ ...plan, rounds: Math.max(plan.rounds, minRounds) }),
  packages: names.flatMap((name) => peers[name].packages),
  result: z.object({ rates: z.record(z.enum(rates), z.record(z.enum(names), latencies)) }),
  measure,
  report,
};

async function measure(plan: Plan): Promise<Result> {
  await using token = await signToken();
  await using generator = startGenerator();
  const atRate = (perSecond: number): Promise<Record<Name, Latency[]>> => {
    console.log(`latency: ${perSecond} calls a second`);
    return inGenerations(generations, plan, (each) =>
      measurePeers(token, generator, perSecond, each),
    );
  };
  return { rates: { "1000": await atRate(1_000), "3000": await atRate(3_000) } };
}

async function measurePeers(
  token: Token,
  generator: Generator,
  perSecond: number,
  { rounds, sliceMs, warmUpMs }: Plan,
): Promise<Record<Name, Latency[]>> {
  await using stack = new AsyncDisposableStack();
  const running = new Map<Name, RunningPeer>();
  for (const name of names) {
    const peer = stack.use(await startPeer(name, token));
    running.set(name, peer);
    for (const call of [peer.warmUpCallOf("unary"), peer.callOf("unary")]) {
      await generator.run(peer, { call, connections, inFlight: 20, forMs: warmUpMs });
    }
  }
  return await interleave(names, rounds, async (name) => {
    const peer = running.get(name);
    if (peer === undefined) throw new Error(`${name} is not running`);
    const { p50Ms, p99Ms, maxMs, calls, failures } = await generator.run(peer, {
      ...{ call: peer.callOf("unary"), connections, perSecond, mayRefuse: true },
      forMs: Math.max(sliceMs, minSliceMs),
    });
    const { [refusal]: refused = 0 } = failures;
    return { p50Ms, p99Ms, maxMs, refused: refused / (calls + refused) };
  });
}

function report(result: Result): Report {
  const [slow] = rates;
  const rows = rates.flatMap((rate) =>
    names.map((name) => {
      const found = result.rates[rate][name];
      const p99 = spreadOf(found.map(({ p99Ms }) => p99Ms));
      return [
        Number(rate).toLocaleString("en"),
        name === "ours" ? `**${peers[name].title}**` : peers[name].title,
        number(spreadOf(found.map(({ p50Ms }) => p50Ms)).median),
        spreadText(p99),
        `${number(medianP99(found) / medianP99(result.rates[rate]["grpc-js"]))} ×`,
        `${number(100 * spreadOf(found.map(({ refused }) => refused)).max)} %`,
      ];
    }),
  );
  return {
    markdown: [
      table(
        ["calls a second", "server", "p50, ms", "p99, ms", "p99 to bare grpc-js", "refused"],
        rows,
      ),
      "",
      `On ${connections} connections, counted from when each call was due, made by our own generator. A round has a p99 of its own; compared are their medians. The last column has the worst round.`,
    ].join("\n"),
    charts: {},
    goals: [
      atMost(
        "unary p99 at 1,000 calls/s against bare grpc-js",
        medianP99(result.rates[slow].ours) / medianP99(result.rates[slow]["grpc-js"]),
        1,
        " ×",
      ),
    ],
  };
}

function medianP99(found: readonly Latency[]): number {
  return medianOf(found.map(({ p99Ms }) => p99Ms));
}
