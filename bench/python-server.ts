/** How many calls does our server answer beside the Python server that the contract comes from? */
import { z } from "zod";
import { pythonEnvironment } from "../conformance/support/python-environment.ts";
import { atLeast, type Bench, type Plan, type Report } from "./support/bench.ts";
import { number, spreadText, whole } from "./support/format.ts";
import { startGenerator } from "./support/generator.ts";
import { interleave } from "./support/interleave.ts";
import { startPeer } from "./support/peers.ts";
import { formerCall, startPythonPeer } from "./support/python-peer.ts";
import { compare, type Sample, sample } from "./support/sample.ts";
import { measureServer } from "./support/server-load.ts";
import { table } from "./support/table.ts";
import { signToken } from "./support/token.ts";

const names = ["ours", "python"] as const;
const work = { connections: 4, inFlight: 100 } as const;

type Result =
  | { readonly missing: string }
  | { readonly grpcio: string; readonly samples: Record<(typeof names)[number], Sample[]> };

export const pythonServer: Bench<Result> = {
  name: "python-server",
  isQuick: true,
  packages: ["@grpc/grpc-js"],
  result: z.union([
    z.object({ missing: z.string() }),
    z.object({ grpcio: z.string(), samples: z.record(z.enum(names), z.array(sample)) }),
  ]),
  measure,
  report,
};

async function measure({ rounds, sliceMs, warmUpMs }: Plan): Promise<Result> {
  const environment = await pythonEnvironment();
  if ("missing" in environment) return environment;
  console.log("python-server");
  await using token = await signToken();
  await using ours = await startPeer("ours", token);
  await using python = await startPythonPeer(environment.python);
  await using generator = startGenerator();
  const targets = {
    ours: { peer: ours, call: ours.callOf("unary") },
    python: { peer: python, call: formerCall },
  };
  const turn = (name: (typeof names)[number], forMs: number): Promise<Sample> => {
    const { peer, call } = targets[name];
    return measureServer(peer, generator, { ...work, call, forMs });
  };
  for (const name of names) await turn(name, warmUpMs);
  const samples = await interleave(names, rounds, (name) => turn(name, sliceMs));
  return { grpcio: python.version, samples };
}

function report(found: Result): Report {
  if ("missing" in found) {
    const [why = ""] = found.missing.split("\n");
    return { markdown: `Not measured: ${why}`, charts: {}, goals: [] };
  }
  const { ours, python } = found.samples;
  const row = (title: string, samples: readonly Sample[]): string[] => {
    const { rate, cost, ratio } = compare(samples, python);
    return [title, spreadText(rate, whole), number(cost.median), spreadText(ratio, number, " ×")];
  };
  const { ratio, costRatio } = compare(ours, python);
  return {
    markdown: [
      table(
        ["server", "calls/s", "processor, µs a call", "to Python"],
        [row("**ours, full**", ours), row(`Python, grpcio ${found.grpcio}, ten threads`, python)],
      ),
      "",
      `${work.inFlight} calls at a time on ${work.connections} connections, made by our own generator. Ours answers with a field more: the exact price.`,
    ].join("\n"),
    charts: {},
    goals: [atLeast("GetProduct against the former Python server", ratio, costRatio, 2)],
  };
}
