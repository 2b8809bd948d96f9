import { createHash, randomUUID } from "node:crypto";
import { existsSync, globSync } from "node:fs";
import {
  copyFile,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
} from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { mustRunTool, root } from "./run-tool.ts";

const cache = join(root, "node_modules/.cache/rehearsal");
const driverSource = join(import.meta.dirname, "rehearsal-driver.ts");

/** For how long what was packed of a commit is kept, at least. */
const keptMs = 24 * 60 * 60 * 1000;

/** All that is unpacked of an earlier commit. */
export interface EarlierRelease {
  /** Its repository: its own code, and what follows from its contract. */
  readonly folder: string;
  /** The rehearsal's driver and that commit's client, in one file; its source map is beside it. */
  readonly driver: string;
}

/**
 * Puts a commit's repository into an empty folder, ready to run there. What it has of ours is its
 * own; what comes from the registry is what is installed now. To generate and to bundle takes
 * seconds, so the result is packed and kept, by commit.
 */
export async function unpackRelease(commit: string, into: string): Promise<EarlierRelease> {
  const folder = await realpath(into);
  const release = { folder, driver: join(folder, "rehearsal/dist/driver.js") };
  const packed = join(cache, `${commit}-${await inputsHash()}.tar`);
  if (existsSync(packed)) {
    await mustRunTool("tar", ["-xf", packed, "-C", folder]);
    await linkDependencies(folder);
    return release;
  }

  const archive = join(folder, ".archive.tar");
  await mustRunTool("git", ["archive", "--format=tar", `--output=${archive}`, commit]);
  await mustRunTool("tar", ["-xf", archive, "-C", folder]);
  await rm(archive);
  const notInstalled = await linkDependencies(folder);
  await build(release).catch((cause: unknown) => {
    const hint =
      notInstalled.length > 0
        ? `; of its tools, not installed now: ${notInstalled.join(", ")}`
        : "";
    throw new Error(`the release of ${commit} does not build${hint}`, { cause });
  });
  await keep(folder, packed);
  return release;
}

/** Generates as the commit does, and bundles its client. */
async function build({ folder, driver }: EarlierRelease): Promise<void> {
  // esbuild would look there for what it does not find, and pnpm names today's packages in it.
  const env = { NODE_PATH: "" };
  await mustRunTool(process.execPath, [join(folder, "scripts/generate.ts")], { cwd: folder, env });
  const cwd = join(folder, "rehearsal");
  const entry = join(cwd, "driver.ts");
  await mkdir(join(cwd, "node_modules/@org"), { recursive: true });
  await symlink(join(folder, "packages/client"), join(cwd, "node_modules/@org/client"), "junction");
  await copyFile(driverSource, entry);
  const bundle = join(root, "scripts/bundle.ts");
  await mustRunTool(process.execPath, [bundle, entry, driver], { cwd, env });
}

/** Packs the folder without what is linked into it, and removes what was packed long ago. */
async function keep(folder: string, packed: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  for (const name of await readdir(cache)) {
    const file = join(cache, name);
    // Another process may have moved or removed it.
    const kept = await stat(file).catch(() => undefined);
    if (kept !== undefined && Date.now() - kept.mtimeMs > keptMs) await rm(file, { force: true });
  }
  // Packed aside: what has its final name is complete, and of several the last one stays.
  const aside = `${packed}.${randomUUID()}`;
  await mustRunTool("tar", ["-cf", aside, "--exclude=node_modules", "-C", folder, "."]);
  await rename(aside, packed);
}

/**
 * Makes the node_modules of an unpacked repository. Answers with the tools of its development that
 * are not installed now; throws where that is so of anything that its packages need to run.
 */
async function linkDependencies(folder: string): Promise<readonly string[]> {
  const manifests = globSync(["package.json", "packages/*/package.json"], { cwd: folder });
  const packages = await Promise.all(
    manifests.map(async (file) => ({ at: dirname(file), ...(await readManifest(folder, file)) })),
  );
  const own = new Map(packages.map(({ name, at }) => [name, join(folder, at)]));
  const missing: string[] = [];
  const notInstalled: string[] = [];
  for (const { at, dependencies, devDependencies, optionalDependencies } of packages) {
    const modules = join(folder, at, "node_modules");
    for (const name of [...dependencies, ...devDependencies, ...optionalDependencies]) {
      const target = own.get(name) ?? (await installed(name, at));
      if (target === undefined) {
        if (dependencies.includes(name)) missing.push(`${name} (${at})`);
        else if (devDependencies.includes(name)) notInstalled.push(name);
        continue;
      }
      await mkdir(dirname(join(modules, name)), { recursive: true });
      await symlink(target, join(modules, name), "junction");
    }
  }
  if (missing.length > 0) {
    throw new Error(
      `The earlier release needs packages that are not installed now: ${missing.join(", ")}. ` +
        "Keep them in the devDependencies until it is no longer the one to compare with.",
    );
  }
  await linkTools(join(folder, "node_modules/.bin"));
  return notInstalled;
}

/** Puts the installed commands in reach. Each runs the package that lies beside the folder it is called in. */
async function linkTools(bin: string): Promise<void> {
  const tools = join(root, "node_modules/.bin");
  await mkdir(bin, { recursive: true });
  for (const name of await readdir(tools)) await symlink(join(tools, name), join(bin, name));
}

/** Where a package from the registry is installed now: for the same package of ours, else for any. */
async function installed(name: string, at: string): Promise<string | undefined> {
  const places = [at, ".", ...globSync(["packages/*", "conformance"], { cwd: root })];
  const found = places
    .map((place) => join(root, place, "node_modules", name))
    .find((place) => existsSync(place));
  const target = found === undefined ? undefined : await realpath(found);
  // Otherwise it is one of ours now.
  return target?.includes(`${sep}node_modules${sep}`) === true ? target : undefined;
}

interface Manifest {
  readonly name: string;
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
  readonly optionalDependencies: readonly string[];
}

async function readManifest(folder: string, file: string): Promise<Manifest> {
  const manifest: unknown = JSON.parse(await readFile(join(folder, file), "utf8"));
  const valueOf = (key: string): unknown =>
    typeof manifest === "object" && manifest !== null ? Reflect.get(manifest, key) : undefined;
  const namesIn = (key: string): string[] => Object.keys(valueOf(key) ?? {});
  return {
    name: String(valueOf("name")),
    dependencies: namesIn("dependencies"),
    devDependencies: namesIn("devDependencies"),
    optionalDependencies: namesIn("optionalDependencies"),
  };
}

/** All that decides what is packed of a commit, besides the commit. */
async function inputsHash(): Promise<string> {
  const hash = createHash("sha256");
  for (const file of [
    driverSource,
    import.meta.filename,
    join(root, "scripts/bundle.ts"),
    join(root, "pnpm-lock.yaml"),
  ]) {
    hash.update(await readFile(file));
  }
  return hash.digest("hex").slice(0, 16);
}
