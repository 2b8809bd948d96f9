/**
 * What does it cost to encode and to decode a message? Each way has a process of its own, as an
 * application uses one of them and the engine specialises its code for that one. They take turns, and
 * what is compared is their processor time.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { messageNames, type Task, ways } from "./support/codec-ways.ts";
import { medianInterval, medianOf } from "./support/median.ts";

const rounds = 15;
const warmUpRounds = 3;
const messagesPerRound = 400_000;

/** What the other ways are compared with: what ts-proto's own stubs do. */
const baseline = "ts-proto";

/** Measures, prints a table, and keeps the figures in bench/results. */
export async function codec(): Promise<void> {
  const results = [];
  for (const message of messageNames) {
    for (const task of ["encode", "decode"] as const) {
      results.push(...(await compare(message, task)));
    }
  }
  const run = {
    bench: "codec",
    node: process.version,
    cpu: cpus()[0]?.model,
    rounds,
    messagesPerRound,
    results,
  };
  const folder = new URL("results/", import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL("codec.json", folder), `${JSON.stringify(run, null, 2)}\n`);
  console.table(
    results.map(({ message, task, way, nanoseconds, ratio, ratioInterval }) => ({
      task: `${task} ${message}`,
      way,
      "million a second": (1000 / nanoseconds).toFixed(2),
      "times ts-proto": ratio.toFixed(2),
      "95 % interval": ratioInterval.map((each) => each.toFixed(2)).join(" to "),
    })),
  );
}

interface CodecResult {
  readonly message: string;
  readonly task: Task;
  readonly way: string;
  /** For one message; the median. */
  readonly nanoseconds: number;
  /** How many times as fast as the baseline; the median, and where it is with 95 % confidence. */
  readonly ratio: number;
  readonly ratioInterval: [number, number];
}

async function compare(message: string, task: Task): Promise<CodecResult[]> {
  const workers = ways[task].map((way) => startWorker(message, task, way));
  const times = new Map(ways[task].map((way) => [way, [] as number[]]));
  for (let round = -warmUpRounds; round < rounds; round++) {
    // Each first as often as last: whatever else the machine does meets all.
    for (const worker of round % 2 === 0 ? workers : workers.toReversed()) {
      const nanoseconds = await worker.measure();
      if (round >= 0) times.get(worker.way)?.push(nanoseconds);
    }
  }
  for (const worker of workers) worker.stop();
  return [...times].map(([way, own]) => {
    const ratios = own.map((time, round) => (times.get(baseline)?.[round] ?? Number.NaN) / time);
    return {
      ...{ message, task, way },
      nanoseconds: medianOf(own),
      ratio: medianOf(ratios),
      ratioInterval: medianInterval(ratios),
    };
  });
}

interface Worker {
  readonly way: string;
  /** Resolves to how long a message takes. */
  measure(): Promise<number>;
  stop(): void;
}

function startWorker(message: string, task: Task, way: string): Worker {
  const child = fork(new URL("support/codec-worker.ts", import.meta.url), [message, task, way]);
  return {
    way,
    async measure() {
      const answer = once(child, "message");
      child.send(messagesPerRound);
      return Number((await answer)[0]) / messagesPerRound;
    },
    stop() {
      child.disconnect();
    },
  };
}
