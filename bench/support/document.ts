/** Writes what was measured into docs/performance.md, between the marks of each bench. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bench, Goal, Report } from "./bench.ts";
import { number } from "./format.ts";
import { quietLoad } from "./other-load.ts";
import { type Circumstances, lastResult } from "./results.ts";
import { table } from "./table.ts";

const docs = join(import.meta.dirname, "../../docs");
const document = join(docs, "performance.md");

/** The last report of a bench, and how it came about. */
export interface LastReport extends Report {
  readonly name: string;
  readonly circumstances: Circumstances;
}

/** The last report of a bench; undefined where it has never been run. */
export async function lastReport<Result>(bench: Bench<Result>): Promise<LastReport | undefined> {
  const kept = await lastResult(bench);
  if (kept === undefined) return undefined;
  const { result, ...circumstances } = kept;
  return { ...bench.report(result), name: bench.name, circumstances };
}

/** Brings docs/performance.md and its charts up to date with all results that are kept. */
export async function writeDocument(reports: readonly LastReport[]): Promise<void> {
  let text = await readFile(document, "utf8");
  for (const { name, markdown, circumstances } of reports) {
    text = replaceBetween(text, name, `${markdown}\n\n${sourceOf(name, circumstances)}`);
  }
  text = replaceBetween(text, "goals", goalTable(reports.flatMap(({ goals }) => goals)));
  await writeFile(document, text);
  const folder = join(docs, "performance");
  await mkdir(folder, { recursive: true });
  for (const { charts } of reports) {
    for (const [file, drawing] of Object.entries(charts)) {
      await writeFile(join(folder, file), drawing);
    }
  }
}

/** Puts new content between the marks of a name. Throws where they are not there. */
export function replaceBetween(text: string, name: string, content: string): string {
  const [start, end] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`];
  const from = text.indexOf(start);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`docs/performance.md has no marks for ${name}`);
  return `${text.slice(0, from)}${start}\n${content}\n\n${text.slice(to)}`;
}

/** The goals, and what is missing of those that are not reached. */
export function goalTable(goals: readonly Goal[]): string {
  const reached = goals.filter(({ missing }) => missing === undefined).length;
  return [
    `${reached} of ${goals.length} are reached.`,
    "",
    table(
      ["goal", "", "measured", "by processor time", "reached"],
      goals.map(({ what, target, measured, byProcessorTime, missing }) => [
        ...[what, target, measured, byProcessorTime],
        missing === undefined ? "yes" : `**no**, by ${missing}`,
      ]),
    ),
  ].join("\n");
}

function sourceOf(name: string, circumstances: Circumstances): string {
  const { date, node, cpu, cores, pinned, otherLoad, versions, plan } = circumstances;
  const packages = Object.entries(versions).map(([each, version]) => `${each} ${version}`);
  return [
    `Measured on ${date} with Node ${node} on ${cores} cores (${cpu})`,
    pinned ? ", each process on a core of its own" : ", processes not kept on cores of their own",
    otherLoad > quietLoad ? `, while other things kept ${number(otherLoad)} cores busy` : "",
    `, in ${plan.rounds} rounds`,
    packages.length > 0 ? `; ${packages.join(", ")}. ` : ". ",
    `Again: \`pnpm bench ${name}\`; raw figures: [${name}.json](../bench/results/${name}.json).`,
  ].join("");
}
