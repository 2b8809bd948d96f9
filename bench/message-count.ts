/** What does a message of a stream cost as the stream gets longer? */
import { z } from "zod";
import { atMost, type Bench, type Plan } from "./support/bench.ts";
import { listProductsCall } from "./support/calls.ts";
import {
  curveNames,
  curveReport,
  growthOf,
  measureCurve,
  type Point,
  points,
} from "./support/curve.ts";
import { startGenerator } from "./support/generator.ts";
import { peers, startPeer } from "./support/peers.ts";
import { measureServer } from "./support/server-load.ts";
import { signToken } from "./support/token.ts";

const counts = [1, 10, 100, 1_000, 10_000, 100_000];

export const messageCount: Bench<{ readonly points: Point[] }> = {
  name: "message-count",
  isQuick: false,
  packages: curveNames.flatMap((name) => peers[name].packages),
  result: z.object({ points }),
  async measure(plan: Plan) {
    await using token = await signToken();
    await using stack = new AsyncDisposableStack();
    const generator = stack.use(startGenerator());
    const running = {
      ours: stack.use(await startPeer("ours", token)),
      "grpc-js": stack.use(await startPeer("grpc-js", token)),
    };
    const calls = new Map(counts.map((count) => [count, listProductsCall(count)]));
    const measured = await measureCurve("message-count", counts, plan, (name, count, forMs) => {
      const peer = running[name];
      const call = peer.call(calls.get(count) ?? listProductsCall(count));
      return measureServer(peer, generator, { call, connections: 4, inFlight: 8, forMs }, count);
    });
    return { points: measured };
  },
  report: ({ points: found }) => ({
    ...curveReport(found, {
      title: "A message of a server stream by how many there are in a call",
      x: "messages in a call",
      unit: "message",
      file: "message-count.svg",
    }),
    goals: [
      atMost(
        "ten times the messages (10,000 in a stream for 1,000): cost of each",
        growthOf(found, "ours", 1_000, 10_000),
        1.1,
        " ×",
      ),
    ],
  }),
};
