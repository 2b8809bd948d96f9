/**
 * What does it cost to encode and to decode a message? Each way has a process of its own, as an
 * application uses one of them and the engine specialises its code for that one. They take turns, and
 * what is compared is their processor time.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { z } from "zod";
import type { Bench, Plan, Report } from "./support/bench.ts";
import { messageNames, type Task, ways } from "./support/codec-ways.ts";
import { medianInterval, medianOf } from "./support/median.ts";
import { table } from "./support/table.ts";

const warmUpRounds = 3;
const messagesPerRound = 400_000;

/** What the other ways are compared with: what ts-proto's own stubs do. */
const baseline = "ts-proto";

interface CodecResult {
  readonly message: string;
  readonly task: Task;
  readonly way: string;
  /** For one message; the median. */
  readonly nanoseconds: number;
  /** How many times as fast as the baseline; the median, and where it is with 95 % confidence. */
  readonly ratio: number;
  readonly ratioInterval: readonly [number, number];
}

interface Result {
  readonly results: readonly CodecResult[];
}

const tasks = ["encode", "decode"] as const;

export const codec: Bench<Result> = {
  name: "codec",
  isQuick: false,
  packages: ["@bufbuild/protobuf", "protobufjs"],
  result: z.object({
    results: z.array(
      z.object({
        message: z.string(),
        task: z.enum(tasks),
        way: z.string(),
        nanoseconds: z.number(),
        ratio: z.number(),
        ratioInterval: z.tuple([z.number(), z.number()]),
      }),
    ),
  }),
  measure,
  report,
};

async function measure({ rounds }: Plan): Promise<Result> {
  console.log("codec");
  const results = [];
  for (const message of messageNames) {
    for (const task of tasks) results.push(...(await compare(message, task, rounds)));
  }
  return { results };
}

function report({ results }: Result): Report {
  const rows = results.map(({ message, task, way, nanoseconds, ratio, ratioInterval }) => [
    `${task} ${message}`,
    way.startsWith("kit") ? `**${way}**` : way,
    (1000 / nanoseconds).toFixed(2),
    ratio.toFixed(2),
    ratioInterval.map((each) => each.toFixed(2)).join(" to "),
  ]);
  const headings = ["", "way", "million a second", "times ts-proto's stubs", "95 % interval"];
  return { markdown: table(headings, rows), charts: {}, goals: [] };
}

async function compare(message: string, task: Task, rounds: number): Promise<CodecResult[]> {
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
