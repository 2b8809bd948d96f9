/**
 * Runs benches, one after the other, and writes their figures into docs/performance.md: the quick ones
 * (`pnpm bench`), all with more rounds (`pnpm bench full`), or those that are named (`pnpm bench latency`).
 */
import { bytes } from "./bytes.ts";
import { client } from "./client.ts";
import { codec } from "./codec.ts";
import { concurrency } from "./concurrency.ts";
import { latency } from "./latency.ts";
import { memory } from "./memory.ts";
import { messageCount } from "./message-count.ts";
import { methodsAndConnections } from "./methods-and-connections.ts";
import { orderService } from "./order-service.ts";
import { payloadSize } from "./payload-size.ts";
import { policyCost } from "./policy-cost.ts";
import { pythonServer } from "./python-server.ts";
import { servers } from "./servers.ts";
import { startUp } from "./start-up.ts";
import { size } from "./size.ts";
import { workers } from "./workers.ts";
import type { Bench, Plan } from "./support/bench.ts";
import { pinThisProcess } from "./support/cores.ts";
import { lastReport, type LastReport, writeDocument } from "./support/document.ts";
import { otherLoad, quietLoad } from "./support/other-load.ts";
import { keepResult } from "./support/results.ts";

const quick: Plan = { rounds: 6, sliceMs: 1_000, warmUpMs: 1_500 };
const full: Plan = { rounds: 12, sliceMs: 1_500, warmUpMs: 3_000 };

/** A bench whose result only itself looks into. */
interface Runnable {
  readonly name: string;
  readonly isQuick: boolean;
  run(plan: Plan): Promise<void>;
  lastReport(): Promise<LastReport | undefined>;
}

function runnable<Result>(bench: Bench<Result>): Runnable {
  return {
    name: bench.name,
    isQuick: bench.isQuick,
    async run(common) {
      const plan = bench.ownPlan?.(common) ?? common;
      const load = await otherLoad();
      if (load > quietLoad) {
        console.warn(
          `${load.toFixed(1)} cores are busy with other things: the figures will be off`,
        );
      }
      await keepResult(bench, { plan, otherLoad: load }, await bench.measure(plan));
    },
    lastReport: () => lastReport(bench),
  };
}

const benches: readonly Runnable[] = [
  ...[runnable(servers), runnable(client), runnable(latency), runnable(orderService)],
  ...[runnable(pythonServer), runnable(startUp), runnable(bytes), runnable(memory)],
  ...[runnable(payloadSize), runnable(concurrency), runnable(messageCount)],
  ...[runnable(methodsAndConnections), runnable(policyCost), runnable(codec)],
  ...[runnable(size), runnable(workers)],
];

const names = process.argv.slice(2);
const isFull = names.includes("full");
const named = names.filter((name) => name !== "full");
const unknown = named.filter((name) => !benches.some((bench) => bench.name === name));
if (unknown.length > 0) {
  console.error(
    `there is no bench ${unknown.join(", ")}: there is ${benches.map(({ name }) => name).join(", ")}`,
  );
  process.exitCode = 2;
} else {
  pinThisProcess("load");
  const chosen =
    named.length > 0
      ? benches.filter(({ name }) => named.includes(name))
      : benches.filter(({ isQuick }) => isFull || isQuick);
  for (const bench of chosen) {
    // What went wrong with one says nothing of the others.
    await bench.run(isFull ? full : quick).catch((error: unknown) => {
      console.error(`${bench.name} failed:`, error);
      process.exitCode = 1;
    });
  }
  const reports = await Promise.all(benches.map((bench) => bench.lastReport()));
  await writeDocument(reports.filter((report) => report !== undefined));
  for (const report of reports) {
    if (report === undefined || !chosen.some(({ name }) => name === report.name)) continue;
    console.log(`\n${report.name}\n\n${report.markdown}`);
  }
  console.log("\nThe figures are in bench/results, and in docs/performance.md.");
}
