/** How many bytes are on the wire for a call, or a message of a stream, on a connection that has been used before? */
import { z } from "zod";
import type { Bench, Report } from "./support/bench.ts";
import { startGenerator } from "./support/generator.ts";
import { type PeerName, peerNames, peers, startPeer } from "./support/peers.ts";
import { table } from "./support/table.ts";
import { signToken } from "./support/token.ts";
import { type Kind, kinds, messagesOf } from "./support/work.ts";

/** What went to the server and came from it for each call or message. */
interface Bytes {
  readonly sent: number;
  readonly received: number;
}

interface Result {
  readonly kinds: Record<Kind, Record<PeerName, Bytes>>;
}

const byPeer = z.record(z.enum(peerNames), z.object({ sent: z.number(), received: z.number() }));

export const bytes: Bench<Result> = {
  name: "bytes",
  isQuick: true,
  packages: peerNames.flatMap((name) => peers[name].packages),
  result: z.object({ kinds: z.record(z.enum(kinds), byPeer) }),
  measure,
  report,
};

async function measure(): Promise<Result> {
  await using token = await signToken();
  await using generator = startGenerator();
  console.log("bytes");
  const found: [PeerName, Map<Kind, Bytes>][] = [];
  for (const name of peerNames) {
    await using peer = await startPeer(name, token);
    const counted = new Map<Kind, Bytes>();
    for (const kind of kinds) {
      const work = { call: peer.callOf(kind), connections: 1, inFlight: 1, forMs: 100 };
      const { calls, bytesRead, bytesWritten } = await generator.run(peer, work);
      const messages = calls * messagesOf(kind);
      counted.set(kind, { sent: bytesWritten / messages, received: bytesRead / messages });
    }
    found.push([name, counted]);
  }
  const ofKind = (kind: Kind): Record<PeerName, Bytes> =>
    byPeer.parse(Object.fromEntries(found.map(([name, counted]) => [name, counted.get(kind)])));
  return {
    kinds: {
      unary: ofKind("unary"),
      serverStream: ofKind("serverStream"),
      clientStream: ofKind("clientStream"),
      bidi: ofKind("bidi"),
    },
  };
}

const headings: Readonly<Record<Kind, string>> = {
  unary: "unary call",
  serverStream: "server stream's message",
  clientStream: "client stream's message",
  bidi: "bidirectional message and answer",
};

function report(result: Result): Report {
  return {
    markdown: [
      table(
        ["server", ...kinds.map((kind) => headings[kind])],
        peerNames.map((name) => [
          name === "ours" ? `**${peers[name].title}**` : peers[name].title,
          ...kinds.map((kind) => {
            const { sent, received } = result.kinds[kind][name];
            return `${Math.round(sent)} + ${Math.round(received)}`;
          }),
        ]),
      ),
      "",
      "Bytes sent + received. Headers are counted, TCP's own are not; ours gets a token and a timeout besides, which take a byte each after a connection's first call.",
    ].join("\n"),
    charts: {},
    goals: [],
  };
}
