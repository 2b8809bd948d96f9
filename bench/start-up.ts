/** How long does it take from the start of a server's process to its first answer? */
import { join } from "node:path";
import { z } from "zod";
import { atMost, type Bench, type Plan, type Report } from "./support/bench.ts";
import { number } from "./support/format.ts";
import { bundle, type BundledName, bundledNames, bundlePeer } from "./support/bundles.ts";
import { grpcCalls, jsonCalls } from "./support/calls.ts";
import { barChart } from "./support/chart.ts";
import { startChild } from "./support/child.ts";
import { GrpcConnection } from "./support/grpc-connection.ts";
import { HttpConnection } from "./support/http-connection.ts";
import { interleave } from "./support/interleave.ts";
import {
  announced,
  authorized,
  peerArguments,
  peerFile,
  type PeerName,
  peerNames,
  peers,
} from "./support/peers.ts";
import { spreadOf } from "./support/spread.ts";
import { table } from "./support/table.ts";
import { signToken, type Token } from "./support/token.ts";
import { tracedEnvironment } from "./support/trace-sink.ts";

/** One way to start something. */
type Variant = "node" | "ours, traced" | `${PeerName}, from source` | `${BundledName}, bundled`;
const variants: readonly Variant[] = [
  "node",
  "ours, traced",
  ...peerNames.map((name) => `${name}, from source` as const),
  ...bundledNames.map((name) => `${name}, bundled` as const),
];

/** A start takes less time than other turns do. */
const roundsFactor = 2;

interface Result {
  /** Milliseconds. */
  readonly starts: Record<Variant, number[]>;
}

export const startUp: Bench<Result> = {
  name: "start-up",
  isQuick: true,
  packages: peerNames.flatMap((name) => peers[name].packages),
  ownPlan: (plan) => ({ ...plan, rounds: plan.rounds * roundsFactor }),
  result: z.object({ starts: z.record(z.enum(variants), z.array(z.number())) }),
  measure,
  report,
};

async function measure({ rounds }: Plan): Promise<Result> {
  console.log("start-up");
  await using token = await signToken();
  const emptyFile = join(import.meta.dirname, "support/empty-main.ts");
  const bundles = new Map<string, string>();
  for (const name of bundledNames) {
    bundles.set(`${name}, bundled`, await bundlePeer(name));
  }
  const traced = bundles.get("ours, bundled");
  if (traced !== undefined) bundles.set("ours, traced", traced);
  const empty = await bundle("node", emptyFile);
  const env = await tracedEnvironment();
  const starts = await interleave(variants, rounds, (variant) => {
    if (variant === "node") return startEmpty(empty);
    const name = peerNames.find((each) => variant.startsWith(`${each},`));
    if (name === undefined) throw new Error(`there is no server for ${variant}`);
    const file = bundles.get(variant) ?? peerFile(name);
    return startOnce(name, file, token, variant === "ours, traced" ? env : {});
  });
  return { starts };
}

async function startEmpty(file: string): Promise<number> {
  const start = performance.now();
  await using child = startChild("measured", file);
  await child.next(announced);
  return performance.now() - start;
}

async function startOnce(
  name: PeerName,
  file: string,
  token: Token,
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const start = performance.now();
  await using child = startChild("measured", file, peerArguments(name, token), env);
  const { port } = await child.next(announced);
  const connection =
    peers[name].protocol === "http"
      ? await HttpConnection.open(port, jsonCalls.unary)
      : await GrpcConnection.open(
          port,
          name === "ours" ? authorized(grpcCalls.unary, token) : grpcCalls.unary,
        );
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  connection.call(resolve);
  const problem = await promise;
  const took = performance.now() - start;
  connection.close();
  if (problem !== undefined) throw new Error(`${name}: ${problem}`);
  return took;
}

function report({ starts }: Result): Report {
  const ms = (variant: Variant): string => {
    const { median, min, max } = spreadOf(starts[variant]);
    return `${number(median)} (${number(min)} – ${number(max)})`;
  };
  const own = spreadOf(starts["ours, bundled"]).median;
  const title = "From the start of the process to the first answer, bundled (ms)";
  return {
    markdown: [
      `![${title}](performance/start-up.svg)`,
      "",
      table(
        ["server", "bundled, ms", "from source, ms"],
        [
          ["Node alone", ms("node"), ""],
          ...peerNames.map((name) => [
            name === "ours" ? `**${peers[name].title}**` : peers[name].title,
            name === "nestjs" ? "–" : ms(`${name}, bundled`),
            ms(`${name}, from source`),
          ]),
          ["ours, its calls traced", ms("ours, traced"), ""],
        ],
      ),
      "",
      "Ours has verified a token by then. No database is opened.",
    ].join("\n"),
    charts: {
      "start-up.svg": barChart(title, [
        bar("Node alone", spreadOf(starts.node).median, false),
        ...bundledNames.map((name) =>
          bar(peers[name].title, spreadOf(starts[`${name}, bundled`]).median, name === "ours"),
        ),
        bar("NestJS, from source", spreadOf(starts["nestjs, from source"]).median, false),
      ]),
    },
    goals: [atMost("start to first answer, bundled, without a database", own, 200, " ms")],
  };
}

function bar(
  label: string,
  value: number,
  isOurs: boolean,
): Parameters<typeof barChart>[1][number] {
  return { label, value, note: `${Math.round(value)} ms`, isOurs };
}
