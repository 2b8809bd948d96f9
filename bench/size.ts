/** What has to be in a production image besides Node, and what comes with @org/kit? */
import { existsSync } from "node:fs";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { run } from "../scripts/run.ts";
import type { Bench, Report } from "./support/bench.ts";
import { table } from "./support/table.ts";

const root = join(import.meta.dirname, "..");
const services = ["product-service", "user-service"] as const;

/** Files of a bundle that a service with DATABASE_URL never opens. */
const embeddedDatabase = /pglite|initdb|\.tar\.gz$/;

interface Result {
  readonly bundles: readonly {
    readonly service: string;
    readonly programBytes: number;
    readonly databaseBytes: number;
  }[];
  /** The registry packages that @org/kit needs at run time, those that they need included. */
  readonly packages: readonly { readonly name: string; readonly bytes: number }[];
}

export const size: Bench<Result> = {
  name: "size",
  isQuick: false,
  packages: [],
  result: z.object({
    bundles: z.array(
      z.object({ service: z.string(), programBytes: z.number(), databaseBytes: z.number() }),
    ),
    packages: z.array(z.object({ name: z.string(), bytes: z.number() })),
  }),
  measure,
  report,
};

async function measure(): Promise<Result> {
  console.log("size");
  const bundles: Result["bundles"][number][] = [];
  for (const service of services) {
    const cwd = join(root, "packages", service);
    const { code, stderr } = await run(process.execPath, ["--run", "build"], { cwd });
    if (code !== 0) throw new Error(`${service} cannot be built: ${stderr}`);
    const files = await filesIn(join(cwd, "dist"));
    const sum = (isDatabase: boolean): number =>
      files
        .filter(({ path }) => embeddedDatabase.test(path) === isDatabase)
        .reduce((bytes, file) => bytes + file.bytes, 0);
    bundles.push({ service, programBytes: sum(false), databaseBytes: sum(true) });
  }
  const packages = new Map<string, number>();
  await addDependencies(join(root, "packages/kit"), packages);
  return {
    bundles,
    packages: [...packages]
      .map(([name, bytes]) => ({ name, bytes }))
      .toSorted((a, b) => b.bytes - a.bytes),
  };
}

interface File {
  readonly path: string;
  readonly bytes: number;
}

/** All files of a package or a bundle, without those of its dependencies. */
async function filesIn(folder: string): Promise<File[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.slice(folder.length).includes("/node_modules/"));
  return Promise.all(paths.map(async (path) => ({ path, bytes: (await stat(path)).size })));
}

const manifest = z.object({ dependencies: z.record(z.string(), z.string()).default({}) });

async function addDependencies(folder: string, packages: Map<string, number>): Promise<void> {
  const text = await readFile(join(folder, "package.json"), "utf8");
  for (const name of Object.keys(manifest.parse(JSON.parse(text)).dependencies)) {
    if (packages.has(name)) continue;
    // pnpm puts what a package needs beside it.
    const places = [join(folder, "node_modules", name), join(folder, "..", name)];
    const scoped = join(folder, "../..", name);
    const place = [...places, scoped].find((each) => existsSync(each));
    if (place === undefined) throw new Error(`${name} is not installed`);
    const real = await realpath(place);
    packages.set(
      name,
      (await filesIn(real)).reduce((bytes, file) => bytes + file.bytes, 0),
    );
    await addDependencies(real, packages);
  }
}

function report({ bundles, packages }: Result): Report {
  const total = packages.reduce((bytes, each) => bytes + each.bytes, 0);
  return {
    markdown: [
      table(
        ["bundle", "program, MB", "embedded database, MB", "node_modules"],
        bundles.map(({ service, programBytes, databaseBytes }) => [
          ...[service, megabytes(programBytes), megabytes(databaseBytes), "none"],
        ]),
      ),
      "",
      "The files of the embedded database are opened only where `DATABASE_URL` is not set; an image for production can",
      "do without them.",
      "",
      "What `npm install @org/kit` brings along, for a service that is not bundled:",
      "",
      table(
        ["package", "MB"],
        [
          ...packages.map(({ name, bytes }) => [name, megabytes(bytes)]),
          ["**together**", megabytes(total)],
        ],
      ),
    ].join("\n"),
    charts: {},
    goals: [],
  };
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(2);
}
