/**
 * How many calls does a service make of another one, on a machine with two cores? One process is a service that calls
 * product-service, as examples/order-service does; the other one answers. Each has a core.
 */
import { z } from "zod";
import type { Bench, Plan, Report } from "./support/bench.ts";
import { number, spreadText, whole } from "./support/format.ts";
import {
  clientNames,
  type ClientName,
  type RunningClient,
  startClient,
} from "./support/clients.ts";
import { inGenerations } from "./support/generations.ts";
import { interleave } from "./support/interleave.ts";
import { peers, startPeer } from "./support/peers.ts";
import { compare, type Sample, sample } from "./support/sample.ts";
import { table } from "./support/table.ts";
import { signToken, type Token } from "./support/token.ts";

const inFlight = 100;

/** How many times the processes are started anew. */
const generations = 3;

/** How many calls a second there have to be. */
const goal = 10_000;

interface Result {
  readonly pairs: Record<ClientName, Sample[]>;
}

export const orderService: Bench<Result> = {
  name: "order-service",
  isQuick: true,
  packages: clientNames.flatMap((name) => peers[name].packages),
  result: z.object({ pairs: z.record(z.enum(clientNames), z.array(sample)) }),
  measure,
  report,
};

async function measure(plan: Plan): Promise<Result> {
  await using token = await signToken();
  console.log("order-service");
  return { pairs: await inGenerations(generations, plan, (each) => measurePairs(token, each)) };
}

async function measurePairs(
  token: Token,
  { rounds, sliceMs, warmUpMs }: Plan,
): Promise<Result["pairs"]> {
  await using stack = new AsyncDisposableStack();
  const running = new Map<ClientName, RunningClient>();
  for (const name of clientNames) {
    const server = stack.use(await startPeer(name, token));
    const started = stack.use(
      await startClient(name, server.port, {
        role: "load",
        ...(name === "ours" && { token: token.token }),
      }),
    );
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

function report({ pairs }: Result): Report {
  const rows = clientNames.map((name) => ({ name, ...compare(pairs[name], pairs["grpc-js"]) }));
  const callsPerSecond = compare(pairs.ours, pairs.ours).rate.median;
  return {
    markdown: table(
      ["client and server", "calls/s", "to bare grpc-js", "client's processor, µs a call"],
      rows.map(({ name, rate, ratio, cost }) => [
        name === "ours" ? "**ours, full, with a token**" : peers[name].title,
        ...[spreadText(rate, whole), spreadText(ratio, number, " ×"), number(cost.median)],
      ]),
    ),
    charts: {},
    goals: [
      {
        what: "one order-service-like process calling product-service, two cores in all",
        target: `≥ ${whole(goal)} calls/s`,
        measured: `${whole(callsPerSecond)} calls/s`,
        byProcessorTime: "",
        missing: callsPerSecond >= goal ? undefined : `${whole(goal - callsPerSecond)} calls/s`,
      },
    ],
  };
}
