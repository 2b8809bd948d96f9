/** How many more calls does a service answer with workers? What makes the calls has to share the machine with them. */
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { z } from "zod";
import type { Bench, Plan, Report } from "./support/bench.ts";
import { grpcCalls } from "./support/calls.ts";
import { type Child, startChild } from "./support/child.ts";
import { number, spreadText, whole } from "./support/format.ts";
import { startGenerator } from "./support/generator.ts";
import { interleave } from "./support/interleave.ts";
import { listeningPort } from "./support/listening-port.ts";
import { announced } from "./support/peers.ts";
import { ratioOf, spreadOf } from "./support/spread.ts";
import { table } from "./support/table.ts";

const counts = ["1", "2", "4"] as const;

/** Each worker gets some of the connections. */
const load = { call: grpcCalls.unary, connections: 16, inFlight: 128 } as const;

interface Result {
  /** Calls in a second, by how many workers there were. */
  readonly workers: Record<(typeof counts)[number], number[]>;
}

export const workers: Bench<Result> = {
  name: "workers",
  isQuick: true,
  isPinnedApart: false,
  packages: ["@grpc/grpc-js"],
  result: z.object({ workers: z.record(z.enum(counts), z.array(z.number())) }),
  measure,
  report,
};

async function measure({ rounds, sliceMs, warmUpMs }: Plan): Promise<Result> {
  await using stack = new AsyncDisposableStack();
  const generator = stack.use(startGenerator("anywhere"));
  const turn = async (port: number, forMs: number): Promise<number> => {
    const { calls, seconds } = await generator.run({ port, protocol: "grpc" }, { ...load, forMs });
    return calls / seconds;
  };
  const ports = new Map<string, number>();
  for (const count of counts) {
    const { port } = await stack.use(await startWorkers(count)).next(announced);
    ports.set(count, port);
    await turn(port, warmUpMs);
  }
  console.log("workers");
  return {
    workers: await interleave(counts, rounds, (count) => turn(ports.get(count) ?? 0, sliceMs)),
  };
}

/** Starts a service with so many workers. It announces its port. */
export async function startWorkers(count: string): Promise<Child> {
  // Its workers have to know it before it is there.
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = listeningPort(server);
  await once(server.close(), "close");
  const file = join(import.meta.dirname, "support/workers-server.ts");
  return startChild("anywhere", file, [count, String(port)]);
}

function report({ workers: found }: Result): Report {
  return {
    markdown: table(
      ["`WORKERS`", "calls/s", "to one process"],
      counts.map((count) => [
        count,
        spreadText(spreadOf(found[count]), whole),
        spreadText(ratioOf(found[count], found["1"]), number, " ×"),
      ]),
    ),
    charts: {},
    goals: [],
  };
}
