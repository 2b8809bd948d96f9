/** How many unary calls does a client make that has a core of its own? */
import { join } from "node:path";
import { z } from "zod";
import { atLeast, type Bench, type Plan, type Report } from "./support/bench.ts";
import { number, spreadText, whole } from "./support/format.ts";
import { barChart } from "./support/chart.ts";
import { startChild } from "./support/child.ts";
import {
  clientNames,
  type ClientName,
  type RunningClient,
  startClient,
} from "./support/clients.ts";
import { inGenerations } from "./support/generations.ts";
import { interleave } from "./support/interleave.ts";
import { announced, peers } from "./support/peers.ts";
import { compare, type Sample, sample } from "./support/sample.ts";
import { table } from "./support/table.ts";

const inFlight = 50;

/** How many times the clients are started anew. */
const generations = 3;

interface Result {
  readonly clients: Record<ClientName, Sample[]>;
}

export const client: Bench<Result> = {
  name: "client",
  isQuick: true,
  packages: clientNames.flatMap((name) => peers[name].packages),
  result: z.object({ clients: z.record(z.enum(clientNames), z.array(sample)) }),
  measure,
  report,
};

async function measure(plan: Plan): Promise<Result> {
  await using server = startChild("load", join(import.meta.dirname, "support/constant-server.ts"));
  const { port } = await server.next(announced);
  console.log("client");
  return { clients: await inGenerations(generations, plan, (each) => measureClients(port, each)) };
}

async function measureClients(
  port: number,
  { rounds, sliceMs, warmUpMs }: Plan,
): Promise<Result["clients"]> {
  await using stack = new AsyncDisposableStack();
  const running = new Map<ClientName, RunningClient>();
  for (const name of clientNames) {
    const started = stack.use(await startClient(name, port));
    running.set(name, started);
    for (const isWarmUp of [true, false]) {
      await started.run({ inFlight, forMs: warmUpMs, isWarmUp });
    }
  }
  return await interleave(clientNames, rounds, async (name) => {
    const started = running.get(name);
    if (started === undefined) throw new Error(`${name} is not running`);
    return started.run({ inFlight, forMs: sliceMs });
  });
}

function report({ clients }: Result): Report {
  const rows = clientNames.map((name) => ({
    name,
    ...compare(clients[name], clients["grpc-js"]),
  }));
  const ours = compare(clients.ours, clients["grpc-js"]);
  const title = (name: ClientName): string =>
    name === "ours" ? "ours, with the contract's policy" : peers[name].title;
  return {
    markdown: [
      "![Unary calls of a client](performance/client.svg)",
      "",
      table(
        ["client", "calls/s", "to bare grpc-js", "processor, µs a call", "by that", "of its core"],
        rows.map(({ name, rate, cost, busy, ratio, costRatio }) => [
          name === "ours" ? `**${title(name)}**` : title(name),
          ...[spreadText(rate, whole), spreadText(ratio, number, " ×"), number(cost.median)],
          `${number(costRatio.median)} ×`,
          `${Math.round(busy * 100)} %`,
        ]),
      ),
      "",
      `${inFlight} calls at a time on one connection.`,
    ].join("\n"),
    charts: {
      "client.svg": barChart(
        "Unary calls of a client (calls per second)",
        rows.map(({ name, rate, ratio }) => ({
          label: peers[name].title,
          value: rate.median,
          note: `${whole(rate.median)}  (${number(ratio.median)} ×)`,
          isOurs: name === "ours",
        })),
      ),
    },
    goals: [
      atLeast(
        "client, unary, with policy, against a bare grpc-js client",
        ...([ours.ratio, ours.costRatio, 1.3] as const),
      ),
    ],
  };
}
