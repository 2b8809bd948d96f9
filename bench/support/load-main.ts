/** The process of the load generator: does the jobs that its parent sends, one after the other. */
import { setImmediate as turn } from "node:timers/promises";
import { GrpcConnection } from "./grpc-connection.ts";
import { HttpConnection } from "./http-connection.ts";
import type { LoadConnection } from "./load-connection.ts";
import { type LoadJob, loadJob, type LoadResult, refusal } from "./load-job.ts";

/** What came of the calls of a job. */
class Outcomes {
  right = 0;
  readonly failures: Record<string, number> = {};
  readonly tookMs: number[] = [];

  note(problem: string | undefined): void {
    if (problem === undefined) this.right += 1;
    else this.failures[problem] = (this.failures[problem] ?? 0) + 1;
  }

  /** The value below which that share of the times is. */
  quantileMs(share: number): number {
    const sorted = this.tookMs.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  }
}

/** Lets the job begin whose connections are open. */
let begin: (() => void) | undefined;

process.on("message", (message) => {
  if (begin !== undefined) {
    begin();
    begin = undefined;
    return;
  }
  const started = Promise.withResolvers<void>();
  const opened = (): Promise<void> => {
    begin = started.resolve;
    process.send?.({ open: true });
    return started.promise;
  };
  void run(loadJob.parse(message), opened).then((result) => process.send?.(result));
});
process.on("disconnect", () => {
  process.exit();
});

const nothing: LoadResult = {
  ...{ calls: 0, seconds: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 },
  ...{ bytesWritten: 0, bytesRead: 0, failures: {} },
};

async function run(job: LoadJob, opened: () => Promise<void>): Promise<LoadResult> {
  const { connections: count, idleConnections, inFlight } = job;
  const all: LoadConnection[] = [];
  try {
    for (let index = 0; index < count + idleConnections; index += 1) all.push(await open(job));
    for (const each of all) await answerOf(each);
  } catch (error) {
    // The server may not even be there.
    await opened();
    return { ...nothing, failures: { [String(error)]: 1 } };
  }
  await opened();
  const connections = all.slice(0, count);
  const [written, read] = bytesOf(connections);
  const outcomes = new Outcomes();
  const start = performance.now();
  await (inFlight > 0
    ? keepBusy(job, connections, outcomes)
    : keepRate(job, connections, outcomes));
  const seconds = (performance.now() - start) / 1_000;
  const [writtenAfter, readAfter] = bytesOf(connections);
  for (const each of all) each.close();
  return {
    calls: outcomes.right,
    seconds,
    p50Ms: outcomes.quantileMs(0.5),
    p99Ms: outcomes.quantileMs(0.99),
    maxMs: outcomes.quantileMs(1),
    bytesWritten: writtenAfter - written,
    bytesRead: readAfter - read,
    failures: outcomes.failures,
  };
}

function open({ protocol, port, call }: LoadJob): Promise<LoadConnection> {
  return protocol === "grpc" ? GrpcConnection.open(port, call) : HttpConnection.open(port, call);
}

function answerOf(connection: LoadConnection): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  connection.call(resolve);
  return promise;
}

function bytesOf(connections: readonly LoadConnection[]): readonly [number, number] {
  return [
    connections.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0),
    connections.reduce((sum, { bytesRead }) => sum + bytesRead, 0),
  ];
}

/** Has that many calls at a time, until the time is over. */
async function keepBusy(
  { inFlight, forMs }: LoadJob,
  connections: readonly LoadConnection[],
  outcomes: Outcomes,
): Promise<void> {
  const end = performance.now() + forMs;
  const { promise: over, resolve } = Promise.withResolvers<void>();
  let working = inFlight;
  const next = (connection: LoadConnection): void => {
    connection.call((problem) => {
      outcomes.note(problem);
      // A connection that is gone fails at once, and would for ever.
      const isAnswered = problem === undefined || problem === refusal;
      if (isAnswered && performance.now() < end) next(connection);
      else if (--working === 0) resolve();
    });
  };
  for (let index = 0; index < inFlight; index += 1) {
    const connection = connections[index % connections.length];
    if (connection !== undefined) next(connection);
  }
  await over;
}

/** Begins calls when they are due. How long they take is counted from then, whenever they could begin. */
async function keepRate(
  { perSecond, forMs }: LoadJob,
  connections: readonly LoadConnection[],
  outcomes: Outcomes,
): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const total = Math.floor((perSecond * forMs) / 1_000);
  const start = performance.now();
  let begun = 0;
  let ended = 0;
  while (begun < total) {
    const now = performance.now() - start;
    for (; begun < total && (begun / perSecond) * 1_000 <= now; begun += 1) {
      const due = start + (begun / perSecond) * 1_000;
      connections[begun % connections.length]?.call((problem) => {
        outcomes.note(problem);
        outcomes.tookMs.push(performance.now() - due);
        ended += 1;
        if (ended === total) resolve();
      });
    }
    // Timers would be late by up to a millisecond.
    await turn();
  }
  await over;
}
