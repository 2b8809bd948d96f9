/**
 * Builds what other teams install and packs it into `.packed/`, where a tarball keeps its name
 * whatever its version. Does nothing where nothing changed since the last time.
 */
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync } from "node:fs";
import { copyFile, cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import manifest from "../package.json" with { type: "json" };
import { generate } from "./generate.ts";
import { mustRun, root } from "./run.ts";

/** The packages that are published, by their folders in `packages/`. */
export const published = ["contracts", "kit", "client", "protoc-gen-contract"] as const;

const packedFolder = join(root, ".packed");
const stampFile = join(packedFolder, ".stamp");

/** Where a package's tarball is. */
export function tarballOf(name: (typeof published)[number]): string {
  return join(packedFolder, `org-${name}.tgz`);
}

/** Brings the tarballs up to date. Of several processes that want to, one does it and the others wait. */
export async function pack(): Promise<void> {
  await mkdir(packedFolder, { recursive: true });
  // SQLite's lock: the system frees it, whatever happens to the process that holds it.
  const lock = new DatabaseSync(join(packedFolder, ".lock"), { timeout: 120_000 });
  try {
    lock.exec("BEGIN EXCLUSIVE");
    await packChanges();
  } finally {
    lock.close();
  }
}

async function packChanges(): Promise<void> {
  await generate();
  const stamp = inputsHash();
  const complete = published.every((name) => existsSync(tarballOf(name)));
  if (complete && (await readFile(stampFile, "utf8").catch(() => "")) === stamp) return;
  await rm(stampFile, { force: true });
  await build();
  const filters = published.flatMap((name) => ["--filter", `@org/${name}`]);
  await pnpm("pack", ...filters, "--out", join(packedFolder, "%s.tgz"));
  await writeFile(stampFile, stamp);
}

/** Compiles the packages into their `dist` folders. */
async function build(): Promise<void> {
  const dist = (name: string): string => join(root, "packages", name, "dist");
  await Promise.all(published.map((name) => rm(dist(name), { recursive: true, force: true })));
  // They refer to each other, so that a package is compiled against the declarations of another.
  const projects = published.map((name) => `packages/${name}/tsconfig.build.json`);
  await mustRun("tsc", ["--build", ...projects, "packages/contracts/tsconfig.cjs.json"]);

  const contracts = dist("contracts");
  const options = "proto/org/contract/v1/options.proto";
  const ownOptions = join(root, "packages/protoc-gen-contract", options);
  await mkdir(dirname(ownOptions), { recursive: true });
  await Promise.all([
    // What other teams' contracts import to have policies.
    copyFile(join(root, options), ownOptions),
    cp(join(root, "packages/contracts/src/gen/reference"), join(contracts, "reference"), {
      recursive: true,
    }),
    // For contracts that import these.
    mustRun("buf", ["export", "proto", "--output", join(contracts, "proto")]),
    copyFile(join(root, "packages/contracts/src/gen/image.binpb"), join(contracts, "image.binpb")),
    // The nearest package.json says what a .js file is, to Node and to bundlers.
    ...Object.entries({ esm: "module", cjs: "commonjs" }).map(([folder, type]) =>
      writeFile(
        join(contracts, folder, "package.json"),
        `${JSON.stringify({ type, sideEffects: false })}\n`,
      ),
    ),
  ]);
}

/** Runs the pnpm that runs this, or else the one that package.json names. */
async function pnpm(...args: readonly string[]): Promise<void> {
  const fromPnpm = process.env["npm_config_user_agent"]?.startsWith("pnpm/") === true;
  const [command, ...first] = fromPnpm ? ["pnpm"] : ["npx", "--yes", manifest.packageManager];
  await mustRun(command, [...first, ...args]);
}

function inputsHash(): string {
  const hash = createHash("sha256");
  const folders = `packages/{${published.join()}}`;
  const inputs = [
    ...globSync([`${folders}/src/**/*.*`, `${folders}/*.{json,md}`], { cwd: root }).toSorted(),
    ...[
      "tsconfig.base.json",
      "pnpm-workspace.yaml",
      "pnpm-lock.yaml",
      "LICENSE",
      "scripts/pack.ts",
      "proto/org/contract/v1/options.proto",
    ],
  ];
  for (const file of inputs) hash.update(file).update(readFileSync(join(root, file)));
  return hash.digest("hex");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await pack();
