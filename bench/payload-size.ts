/** What does a unary call cost as its answer grows? */
import { z } from "zod";
import type { Bench, Plan } from "./support/bench.ts";
import { getProductCall } from "./support/calls.ts";
import { curveNames, curveReport, measureCurve, type Point, points } from "./support/curve.ts";
import { startGenerator } from "./support/generator.ts";
import { peers, startPeer } from "./support/peers.ts";
import { measureServer } from "./support/server-load.ts";
import { signToken } from "./support/token.ts";

const sizes = [100, 1_000, 10_000, 100_000, 1_000_000];

export const payloadSize: Bench<{ readonly points: Point[] }> = {
  name: "payload-size",
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
    const measured = await measureCurve("payload-size", sizes, plan, (name, size, forMs) => {
      const peer = running[name];
      const call = peer.call(getProductCall(`size-${size}`));
      return measureServer(peer, generator, { call, connections: 4, inFlight: 20, forMs });
    });
    return { points: measured };
  },
  report: ({ points: found }) => ({
    ...curveReport(found, {
      title: "A unary call by the size of its answer",
      x: "bytes of text in the answer",
      unit: "call",
      file: "payload-size.svg",
    }),
    goals: [],
  }),
};
