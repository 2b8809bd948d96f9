import type { ProcessState } from "./announce.ts";
import type { Generator, Work } from "./generator.ts";
import { h2loadVersion, runH2load } from "./h2load.ts";
import type { LoadCall } from "./load-connection.ts";
import { refusal } from "./load-job.ts";
import type { RunningPeer } from "./peers.ts";
import type { Sample } from "./sample.ts";

/** What is known of a server under measurement. */
export interface MeasuredServer extends Pick<RunningPeer, "port" | "protocol"> {
  state(): Promise<Pick<ProcessState, "cpuMicroseconds">>;
}

/** Has a server work for a while, and looks at what it used. */
export async function measureServer(
  peer: MeasuredServer,
  generator: Generator,
  work: Work,
  messagesPerCall = 1,
): Promise<Sample> {
  let before = 0;
  const { calls, seconds, failures } = await generator.run(peer, work, async () => {
    before = (await peer.state()).cpuMicroseconds;
  });
  const microseconds = (await peer.state()).cpuMicroseconds - before;
  const messages = calls * messagesPerCall;
  const { [refusal]: refused = 0 } = failures;
  return {
    perSecond: messages / seconds,
    cpuMicroseconds: microseconds / messages,
    busy: microseconds / (seconds * 1_000_000),
    ...(refused > 0 && { refused: refused / (calls + refused) }),
  };
}

/** How many calls are made to see whether answers are right. */
const checkMs = 50;

/** Makes unary calls by h2load. Its answers are counted by the server, and looked at before and after. */
async function measureByH2load(
  peer: RunningPeer,
  generator: Generator,
  work: UnaryWork,
  calls: number,
): Promise<Sample> {
  const { call, connections, inFlight } = work;
  const check = (): Promise<unknown> =>
    generator.run(peer, { call, connections: 1, inFlight: 1, forMs: checkMs });
  await check();
  const before = await peer.state();
  const perSecond = await runH2load(peer, { call, calls, connections, inFlight });
  const after = await peer.state();
  await check();
  const answered = after.found - before.found;
  if (answered !== calls) {
    throw new Error(`${peer.name} has answered ${answered} of ${calls} calls`);
  }
  const microseconds = after.cpuMicroseconds - before.cpuMicroseconds;
  return {
    perSecond,
    cpuMicroseconds: microseconds / calls,
    busy: (microseconds * perSecond) / calls / 1_000_000,
  };
}

/** Unary calls on several connections. */
export interface UnaryWork {
  readonly call: LoadCall;
  readonly connections: number;
  readonly inFlight: number;
  readonly forMs: number;
}

/** What makes unary calls: h2load where it is installed. */
export const unaryGenerator: string =
  h2loadVersion === undefined ? "our own" : `h2load ${h2loadVersion}`;

/** Has a server answer unary calls. `expectedPerSecond` says how many h2load has to make in that time. */
export function measureUnary(
  peer: RunningPeer,
  generator: Generator,
  work: UnaryWork,
  expectedPerSecond: number,
): Promise<Sample> {
  if (h2loadVersion === undefined) return measureServer(peer, generator, work);
  const calls = Math.max(work.inFlight, Math.round((expectedPerSecond * work.forMs) / 1_000));
  return measureByH2load(peer, generator, work, calls);
}
