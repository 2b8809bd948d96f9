/** The process of overload.ts: makes calls, and sends what came of them to its parent. */
import { setTimeout as delay } from "node:timers/promises";
import { Code, createChannel, createClient, RpcError } from "@org/kit/client";
import type { LoadOptions, LoadResult } from "./overload.ts";
import { targetUsers } from "./target.ts";

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- It is what overload.ts sends.
const options = JSON.parse(process.argv[2] ?? "{}") as LoadOptions;
const { target, userId, perSecond, inFlight = 0, durationMs, warmUpMs, timeoutMs } = options;

const channel = createChannel({
  target,
  services: [targetUsers],
  channelOptions: { "grpc.enable_retries": 0 },
});
const client = createClient(targetUsers, { channel });

const answers: number[] = [];
const refusals: number[] = [];
const failures: Record<string, number> = {};
let saidWhen = 0;
let begun = 0;
const start = performance.now();

async function call(): Promise<void> {
  const at = performance.now();
  const isCounted = at - start >= warmUpMs;
  if (isCounted) begun += 1;
  try {
    await client.getUser({ userId }, { timeoutMs });
    if (isCounted) answers.push(performance.now() - at);
  } catch (error) {
    if (!isCounted) return;
    if (!(error instanceof RpcError)) throw error;
    const pushback = error.metadata?.get("grpc-retry-pushback-ms") ?? [];
    if (error.code === Code.UNAVAILABLE && error.text.startsWith("the server ")) {
      refusals.push(performance.now() - at);
      if (pushback.length === 1 && (error.retryAfterMs ?? 0) > 0) saidWhen += 1;
    } else {
      failures[error.message] = (failures[error.message] ?? 0) + 1;
    }
  }
}

const end = start + warmUpMs + durationMs;
if (perSecond === 0) {
  const loop = async (): Promise<void> => {
    while (performance.now() < end) await call();
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
} else {
  const calls: Promise<void>[] = [];
  let count = 0;
  while (performance.now() < end) {
    for (const due = ((performance.now() - start) / 1_000) * perSecond; count < due; count += 1) {
      calls.push(call());
    }
    await delay(2);
  }
  await Promise.all(calls);
}

function quantilesOf(times: number[]): { p50: number; p99: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

const seconds = durationMs / 1_000;
const result: LoadResult = {
  offered: begun / seconds,
  answered: answers.length / seconds,
  answerMs: quantilesOf(answers),
  refused: refusals.length,
  failures,
  refusalMs: quantilesOf(refusals),
  saidWhen,
};
process.send?.(result);
process.disconnect();
channel.close();
