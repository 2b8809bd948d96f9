import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Bench, Plan } from "./bench.ts";
import { isPinned } from "./cores.ts";
import { h2loadVersion } from "./h2load.ts";

const bench = join(import.meta.dirname, "..");
const folder = join(bench, "results");

/** On what, when and how something was measured. */
export interface Circumstances {
  /** The day, as 2026-11-20. */
  readonly date: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly pinned: boolean;
  /** What else the machine did, just before: how many cores were busy. */
  readonly otherLoad: number;
  readonly h2load?: string | undefined;
  readonly versions: Readonly<Record<string, string>>;
  readonly plan: Plan;
}

const circumstances: z.ZodType<Circumstances> = z.object({
  date: z.string(),
  node: z.string(),
  cpu: z.string(),
  cores: z.number(),
  pinned: z.boolean(),
  otherLoad: z.number(),
  h2load: z.string().optional(),
  versions: z.record(z.string(), z.string()),
  plan: z.object({ rounds: z.number(), sliceMs: z.number(), warmUpMs: z.number() }),
});

/** A result as it is kept. */
export interface Kept<Result> extends Circumstances {
  readonly result: Result;
}

/** Keeps a result, with the circumstances. */
export async function keepResult<Result>(
  { name, packages, isPinnedApart = true }: Bench<Result>,
  { plan, otherLoad }: Pick<Circumstances, "plan" | "otherLoad">,
  result: Result,
): Promise<void> {
  const processors = cpus();
  const versions = await Promise.all(
    [...new Set(packages)].toSorted().map(async (each) => [each, await versionOf(each)] as const),
  );
  const kept: Kept<Result> = {
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    cpu: processors[0]?.model ?? "unknown",
    cores: processors.length,
    pinned: isPinned && isPinnedApart,
    otherLoad,
    h2load: h2loadVersion,
    versions: Object.fromEntries(versions),
    plan,
    result,
  };
  await mkdir(folder, { recursive: true });
  await writeFile(fileOf(name), `${JSON.stringify({ bench: name, ...kept }, null, 2)}\n`);
}

/** The last result of a bench; undefined where there is none. Throws where the file is not what the bench keeps. */
export async function lastResult<Result>({
  name,
  result,
}: Bench<Result>): Promise<Kept<Result> | undefined> {
  const file = fileOf(name);
  if (!existsSync(file)) return undefined;
  const kept: unknown = JSON.parse(await readFile(file, "utf8"));
  const parsed = z.object({ result }).parse(kept);
  return { ...circumstances.parse(kept), result: parsed.result };
}

function fileOf(name: string): string {
  return join(folder, `${name}.json`);
}

async function versionOf(name: string): Promise<string> {
  const file = join(bench, "node_modules", name, "package.json");
  const manifest = z.object({ version: z.string() });
  return manifest.parse(JSON.parse(await readFile(file, "utf8"))).version;
}
