/** What does a unary call cost as its server has more methods, or more connections? */
import { z } from "zod";
import { atMost, type Bench, type Plan, type Report } from "./support/bench.ts";
import { number } from "./support/format.ts";
import { lineChart } from "./support/chart.ts";
import { type Generator, startGenerator } from "./support/generator.ts";
import { inGenerations } from "./support/generations.ts";
import { interleave } from "./support/interleave.ts";
import { type RunningPeer, startPeer } from "./support/peers.ts";
import { compare, type Sample, sample } from "./support/sample.ts";
import { measureServer } from "./support/server-load.ts";
import { table } from "./support/table.ts";
import { signToken } from "./support/token.ts";

/** How many methods and idle connections there are besides those that are used. */
const methods = ["0", "10", "100", "1000"] as const;
const connections = ["0", "10", "100", "900"] as const;

/** How many times the servers are started anew. */
const generations = 3;

/** A difference of some per cent is less than what one collection of garbage makes in a round. */
const minRounds = 15;

interface Result {
  readonly methods: Record<(typeof methods)[number], Sample[]>;
  readonly connections: Record<(typeof connections)[number], Sample[]>;
}

export const methodsAndConnections: Bench<Result> = {
  name: "methods-and-connections",
  isQuick: false,
  ownPlan: (plan) => ({ ...plan, rounds: Math.max(plan.rounds, minRounds) }),
  packages: ["@grpc/grpc-js"],
  result: z.object({
    methods: z.record(z.enum(methods), z.array(sample)),
    connections: z.record(z.enum(connections), z.array(sample)),
  }),
  measure,
  report,
};

async function measure(plan: Plan): Promise<Result> {
  await using token = await signToken();
  await using generator = startGenerator();
  console.log("methods-and-connections: methods");
  const ofMethods = await inGenerations(generations, plan, async (each) => {
    await using stack = new AsyncDisposableStack();
    const byMethods = new Map<string, RunningPeer>();
    for (const more of methods) {
      const peer = await startPeer("ours", token, { moreMethods: Number(more) });
      byMethods.set(more, stack.use(peer));
      await turn(peer, generator, each.warmUpMs);
    }
    return await interleave(methods, each.rounds, (more) => {
      const peer = byMethods.get(more);
      if (peer === undefined) throw new Error(`there is no server with ${more} methods`);
      return turn(peer, generator, each.sliceMs);
    });
  });
  console.log("methods-and-connections: connections");
  const ofConnections = await inGenerations(generations, plan, async (each) => {
    await using peer = await startPeer("ours", token);
    await turn(peer, generator, each.warmUpMs);
    return await interleave(connections, each.rounds, (more) =>
      turn(peer, generator, each.sliceMs, Number(more)),
    );
  });
  return { methods: ofMethods, connections: ofConnections };
}

function turn(
  peer: RunningPeer,
  generator: Generator,
  forMs: number,
  idleConnections = 0,
): Promise<Sample> {
  const call = peer.callOf("unary");
  return measureServer(peer, generator, {
    ...{ call, connections: 4, inFlight: 100, forMs, idleConnections },
  });
}

function report(result: Result): Report {
  const ofMethods = methods.map((x) => [Number(x) + 1, cpuOf(result.methods[x])] as const);
  const ofConnections = connections.map(
    (x) => [Number(x) + 4, cpuOf(result.connections[x])] as const,
  );
  const rows = (found: readonly (readonly [number, number])[]): string[][] =>
    found.map(([x, cpu]) => [
      x.toLocaleString("en"),
      number(cpu),
      `${number(cpu / (found[0]?.[1] ?? Number.NaN))} ×`,
    ]);
  const title = "A unary call by how many methods and connections there are";
  return {
    markdown: [
      `![${title}](performance/methods-and-connections.svg)`,
      "",
      table(["services with GetProduct", "processor, µs a call", "to one"], rows(ofMethods)),
      "",
      table(["connections, 4 in use", "processor, µs a call", "to 4"], rows(ofConnections)),
    ].join("\n"),
    charts: {
      "methods-and-connections.svg": lineChart(
        title,
        { x: "how many", y: "µs of the server's processor a call", isLogarithmic: false },
        [
          { name: "methods", points: ofMethods },
          { name: "connections", points: ofConnections },
        ],
      ),
    },
    goals: [
      atMost("a thousand more methods: cost of a call", growth(ofMethods), 1.1, " ×"),
      atMost("900 more connections: cost of a call", growth(ofConnections), 1.1, " ×"),
    ],
  };
}

function growth(found: readonly (readonly [number, number])[]): number {
  return (found.at(-1)?.[1] ?? Number.NaN) / (found[0]?.[1] ?? Number.NaN);
}

function cpuOf(samples: readonly Sample[]): number {
  return compare(samples, samples).cost.median;
}
