/** How much memory does a server take: at rest, after work, and for each connection? */
import { z } from "zod";
import type { Bench, Plan, Report } from "./support/bench.ts";
import { bundlePeer } from "./support/bundles.ts";
import { type Generator, startGenerator } from "./support/generator.ts";
import {
  peerFile,
  type PeerName,
  peerNames,
  peers,
  type RunningPeer,
  startPeer,
} from "./support/peers.ts";
import { table } from "./support/table.ts";
import { signToken } from "./support/token.ts";
import { kinds } from "./support/work.ts";

/** How many connections there are besides, for what each of them takes. */
const idleConnections = 800;

interface Memory {
  readonly atRest: number;
  readonly afterUnary: number;
  readonly afterStreams: number;
  readonly perConnection: number;
}

interface Result {
  /** Bytes. */
  readonly servers: Record<PeerName, Memory>;
}

const servers = z.record(
  z.enum(peerNames),
  z.object({
    atRest: z.number(),
    afterUnary: z.number(),
    afterStreams: z.number(),
    perConnection: z.number(),
  }),
);

export const memory: Bench<Result> = {
  name: "memory",
  isQuick: false,
  packages: peerNames.flatMap((name) => peers[name].packages),
  result: z.object({ servers }),
  async measure(plan) {
    await using token = await signToken();
    await using generator = startGenerator();
    const found: [PeerName, Memory][] = [];
    for (const name of peerNames) {
      console.log(`memory: ${name}`);
      // To run sources takes memory that nobody needs in production.
      const file = name === "nestjs" ? peerFile(name) : await bundlePeer(name);
      const start = (): Promise<RunningPeer> => startPeer(name, token, { file });
      found.push([name, await measurePeer(start, generator, plan)]);
    }
    return { servers: servers.parse(Object.fromEntries(found)) };
  },
  report,
};

async function measurePeer(
  start: () => Promise<RunningPeer>,
  generator: Generator,
  { sliceMs }: Plan,
): Promise<Memory> {
  await using peer = await start();
  const resident = async (): Promise<number> => (await peer.state()).residentBytes;
  const isHttp = peer.protocol === "http";
  const atRest = await resident();
  await generator.run(peer, {
    call: peer.callOf("unary"),
    connections: isHttp ? 50 : 4,
    inFlight: 50,
    forMs: 3 * sliceMs,
  });
  const afterUnary = await resident();
  for (const kind of kinds.filter((each) => each !== "unary")) {
    const call = peer.callOf(kind);
    const connections = isHttp ? 8 : 4;
    await generator.run(peer, { call, connections, inFlight: 8, forMs: sliceMs });
  }
  const afterStreams = await resident();
  return {
    atRest,
    afterUnary,
    afterStreams,
    perConnection: await connectionOf(start, generator),
  };
}

/** What each connection takes, of a server that has answered one call on each of them. */
async function connectionOf(
  start: () => Promise<RunningPeer>,
  generator: Generator,
): Promise<number> {
  await using peer = await start();
  const work = { call: peer.callOf("unary"), connections: 1, inFlight: 1, forMs: 100 };
  const resident = async (): Promise<number> => (await peer.state()).residentBytes;
  await generator.run(peer, work);
  const before = await resident();
  let during = before;
  await generator.run(peer, { ...work, idleConnections }, async () => {
    during = await resident();
  });
  return (during - before) / idleConnections;
}

function report({ servers: found }: Result): Report {
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
  return {
    markdown: [
      table(
        [
          ...["server", "at rest, MB", "after unary calls, MB", "after streams, MB"],
          "for each idle connection, kB",
        ],
        peerNames.map((name) => {
          const { atRest, afterUnary, afterStreams, perConnection } = found[name];
          return [
            name === "ours" ? `**${peers[name].title}**` : peers[name].title,
            ...[atRest, afterUnary, afterStreams].map(megabytes),
            Math.max(0, perConnection / 1e3).toFixed(0),
          ];
        }),
      ),
      "",
      "Each is bundled, but for NestJS, which runs from its source, and so with what strips its types.",
    ].join("\n"),
    charts: {},
    goals: [],
  };
}
