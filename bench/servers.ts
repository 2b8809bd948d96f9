/** How many calls, and messages of streams, does a server answer that has a core of its own? */
import { z } from "zod";
import { atLeast, type Bench, type Goal, type Plan, type Report } from "./support/bench.ts";
import { number, spreadText, whole } from "./support/format.ts";
import { barChart } from "./support/chart.ts";
import { inGenerations } from "./support/generations.ts";
import { type Generator, startGenerator } from "./support/generator.ts";
import { interleave } from "./support/interleave.ts";
import {
  type RunningServers,
  type ServerName,
  serverNames,
  startServers,
  titleOf,
} from "./support/measured-servers.ts";
import { peerNames, type PeerName, peers, type RunningPeer } from "./support/peers.ts";
import { compare, type Sample, sample } from "./support/sample.ts";
import { measureServer, measureUnary, unaryGenerator } from "./support/server-load.ts";
import { table } from "./support/table.ts";
import { signToken } from "./support/token.ts";
import { type Kind, kinds, messagesOf, messagesPerCall } from "./support/work.ts";

/** How many calls there are at a time. */
const inFlightOf: Readonly<Record<Kind, number>> = {
  ...{ unary: 100, serverStream: 16, clientStream: 16, bidi: 16 },
};

/** How many times the servers are started anew for unary calls. */
const generations = 3;

/** On how many connections unary calls are, but for HTTP/1.1. Each other call has one: two would share its window. */
const unaryConnections = 4;

/** Where there are answers to keep, and where a trace has a call only, and not a thousand messages. */
function namesOf(kind: Kind): readonly ServerName[] {
  if (kind === "unary") return serverNames;
  return kind === "serverStream"
    ? serverNames.filter((name) => name !== "ours-untraced")
    : peerNames;
}

type ByName = Partial<Record<ServerName, Sample[]>>;
interface Result {
  readonly kinds: Record<Kind, ByName>;
}

const byName = z.partialRecord(z.enum(serverNames), z.array(sample));

export const servers: Bench<Result> = {
  name: "servers",
  isQuick: true,
  packages: peerNames.flatMap((name) => peers[name].packages),
  result: z.object({ kinds: z.record(z.enum(kinds), byName) }),
  measure,
  report,
};

async function measure(plan: Plan): Promise<Result> {
  await using token = await signToken();
  await using generator = startGenerator();
  // By streams, servers differ too much for luck to matter.
  const unary = await inGenerations(generations, plan, async (each) => {
    await using running = await startServers(token);
    return await measureKind("unary", running, generator, each);
  });
  await using running = await startServers(token);
  return {
    kinds: {
      unary,
      serverStream: await measureKind("serverStream", running, generator, plan),
      clientStream: await measureKind("clientStream", running, generator, plan),
      bidi: await measureKind("bidi", running, generator, plan),
    },
  };
}

async function measureKind(
  kind: Kind,
  running: RunningServers,
  generator: Generator,
  plan: Plan,
): Promise<Record<ServerName, Sample[]>> {
  console.log(`servers: ${kind}`);
  const expected = new Map<ServerName, number>();
  for (const name of namesOf(kind)) {
    const peer = running.of(name);
    const work = workOf(peer, kind, plan.warmUpMs);
    await measureServer(peer, generator, { ...work, call: peer.warmUpCallOf(kind) });
    const { perSecond } = await measureServer(peer, generator, work, messagesOf(kind));
    expected.set(name, perSecond);
  }
  return interleave(namesOf(kind), plan.rounds, (name) =>
    turn(running.of(name), generator, kind, plan, expected.get(name) ?? 1),
  );
}

function turn(
  peer: RunningPeer,
  generator: Generator,
  kind: Kind,
  { sliceMs }: Plan,
  expectedPerSecond: number,
): Promise<Sample> {
  const work = workOf(peer, kind, sliceMs);
  return kind === "unary"
    ? measureUnary(peer, generator, work, expectedPerSecond)
    : measureServer(peer, generator, work, messagesOf(kind));
}

function workOf(peer: RunningPeer, kind: Kind, forMs: number): Parameters<typeof measureUnary>[2] {
  const inFlight = inFlightOf[kind];
  return {
    call: peer.callOf(kind),
    connections: kind === "unary" && peer.protocol === "grpc" ? unaryConnections : inFlight,
    inFlight,
    forMs,
  };
}

const titles: Readonly<Record<Kind, string>> = {
  unary: "Unary: GetProduct",
  serverStream: `Server streaming: ListProductsByCategory, ${messagesPerCall.toLocaleString("en")} products a call`,
  clientStream: `Client streaming: BulkCreateUsers, ${messagesPerCall.toLocaleString("en")} users a call`,
  bidi: `Bidirectional: ImportProducts, ${messagesPerCall.toLocaleString("en")} requests a call, each answered`,
};

/** Below this share of its core, a server was not what limited the throughput. */
const saturated = 0.9;

function report({ kinds: found }: Result): Report {
  const charts: Record<string, string> = {};
  const sections = kinds.map((kind) => {
    const samples = found[kind];
    const unit = kind === "unary" ? "calls" : "messages";
    const { "grpc-js": bare = [] } = samples;
    const rows = namesOf(kind).map((name) => {
      const { rate, cost, busy, ratio, costRatio } = compare(samples[name] ?? [], bare);
      return {
        name,
        rate: rate.median,
        ratio: ratio.median,
        cells: [
          name === "ours" ? `**${titleOf(name)}**` : titleOf(name),
          ...[spreadText(rate, whole), spreadText(ratio, number, " ×"), number(cost.median)],
          `${number(costRatio.median)} ×`,
          `${Math.round(busy * 100)} %${busy < saturated ? " ¹" : ""}`,
        ],
      };
    });
    const file = `servers-${kind}.svg`;
    charts[file] = barChart(
      `${titles[kind]} (${unit} per second)`,
      rows.map(({ name, rate, ratio }) => ({
        label: titleOf(name),
        value: rate,
        note: `${whole(rate)}  (${number(ratio)} ×)`,
        isOurs: name.startsWith("ours"),
      })),
    );
    const one = kind === "unary" ? "call" : "message";
    return [
      `### ${titles[kind]}`,
      "",
      `![${titles[kind]}](performance/${file})`,
      "",
      table(
        [
          "server",
          `${unit}/s`,
          "to bare grpc-js",
          `processor, µs a ${one}`,
          "by that",
          "of its core",
        ],
        rows.map(({ cells }) => cells),
      ),
      "",
    ].join("\n");
  });
  const isLimited = kinds.some((kind) =>
    Object.values(found[kind]).some((samples) => compare(samples, samples).busy < saturated),
  );
  const notes = [
    `Unary calls are made by ${unaryGenerator === "our own" ? "our own generator" : unaryGenerator}, ${inFlightOf.unary} at a time on ${unaryConnections} connections, or on ${inFlightOf.unary} by HTTP/1.1; streams by our own generator, ${inFlightOf.bidi} at a time, each on a connection of its own.`,
    ...(isLimited
      ? [
          "",
          "¹ The server had time to spare: the generator, the connection, or what else the machine did was the limit.",
        ]
      : []),
  ];
  return { markdown: [...sections, ...notes].join("\n"), charts, goals: goalsOf(found) };
}

function goalsOf(found: Result["kinds"]): Goal[] {
  const beside = (what: string, kind: Kind, other: PeerName, target: number): Goal => {
    const { ratio, costRatio } = compare(found[kind].ours ?? [], found[kind][other] ?? []);
    return atLeast(what, ratio, costRatio, target);
  };
  return [
    beside("unary server, full, against bare grpc-js", "unary", "grpc-js", 1),
    beside("server stream, full, against bare grpc-js", "serverStream", "grpc-js", 6),
    beside("server stream, full, against fastify's NDJSON", "serverStream", "fastify", 2),
    beside("client stream, full, against bare grpc-js", "clientStream", "grpc-js", 2),
    beside("bidirectional, full, against bare grpc-js", "bidi", "grpc-js", 3),
    ...(["nice-grpc", "connect-node"] as const).flatMap((other) =>
      kinds.map((kind) =>
        beside(
          `${kindNames[kind]}, full, against ${peers[other].title}`,
          ...([kind, other, other === "nice-grpc" ? 1.3 : 5] as const),
        ),
      ),
    ),
  ];
}

const kindNames: Readonly<Record<Kind, string>> = {
  ...{ unary: "unary server", serverStream: "server stream" },
  ...{ clientStream: "client stream", bidi: "bidirectional" },
};
