/** What does a unary call cost as more of them come at the same time? */
import { z } from "zod";
import type { Bench, Plan } from "./support/bench.ts";
import { curveNames, curveReport, measureCurve, type Point, points } from "./support/curve.ts";
import { startGenerator } from "./support/generator.ts";
import { peers, startPeer } from "./support/peers.ts";
import { measureServer } from "./support/server-load.ts";
import { signToken } from "./support/token.ts";

const counts = [1, 4, 16, 64, 256, 1_024];

export const concurrency: Bench<{ readonly points: Point[] }> = {
  name: "concurrency",
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
    const measured = await measureCurve("concurrency", counts, plan, (name, inFlight, forMs) => {
      const peer = running[name];
      const call = peer.callOf("unary");
      const connections = Math.min(inFlight, 16);
      return measureServer(peer, generator, {
        call,
        connections,
        inFlight,
        forMs,
        mayRefuse: true,
      });
    });
    return { points: measured };
  },
  report: ({ points: found }) => ({
    ...curveReport(found, {
      title: "A unary call by how many there are at a time",
      x: "calls at a time",
      unit: "call",
      file: "concurrency.svg",
    }),
    goals: [],
  }),
};
