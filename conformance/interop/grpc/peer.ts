import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { root, runTool } from "../../support/run-tool.ts";

const cache = join(root, "node_modules/.cache/conformance-interop");

/** An interop client and server that somebody else wrote: for each, the command and its first arguments. */
export interface Peer {
  readonly client: readonly string[];
  readonly server: readonly string[];
}

/** What has to be there, or why it is not. */
export type Found<T> = { readonly found: T } | { readonly missing: string };

/** What a program prints, or why it cannot be run. */
export async function outputOf(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Found<string>> {
  const { code, stdout, stderr } = await runTool(command, args, options).catch(
    (error: unknown) => ({ code: 1, stdout: "", stderr: String(error) }),
  );
  if (code === 0) return { found: stdout };
  const printed = `${stdout}${stderr}`.trim();
  return { missing: `${command} ${args.join(" ")} fails: ${printed}` };
}

/**
 * A folder that `fill` has filled. It is kept while the files and the other inputs stay the same, so that only the
 * first run has to download and build.
 */
export async function cachedFolder(
  files: readonly string[],
  inputs: readonly string[],
  fill: (folder: string) => Promise<Found<unknown>>,
): Promise<Found<string>> {
  const hash = createHash("sha256").update(JSON.stringify(inputs));
  for (const file of files) hash.update(await readFile(file));
  const folder = join(cache, hash.digest("hex").slice(0, 16));
  if (existsSync(folder)) return { found: folder };

  // Filled aside: what has its final name is complete.
  const aside = `${folder}.${randomUUID()}`;
  await mkdir(aside, { recursive: true });
  try {
    const filled = await fill(aside);
    if ("missing" in filled) return filled;
    await rename(aside, folder);
  } catch (error) {
    // Another run was faster.
    if (!existsSync(folder)) throw error;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  return { found: folder };
}
