import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { root, runTool } from "./run-tool.ts";

const cache = join(root, "node_modules/.cache/conformance-python");
const requirements = join(import.meta.dirname, "../legacy/requirements.txt");

/** A Python that has what the clients import, or why there is none. */
export type PythonEnvironment = { readonly python: string } | { readonly missing: string };

/**
 * A virtual environment of Python 3 with the packages that requirements.txt pins. It is kept while
 * they and the Python stay the same, so that only the first run has to download.
 */
export async function pythonEnvironment(): Promise<PythonEnvironment> {
  const version = await attempt("python3", ["-c", "import sys; print(sys.version)"]);
  if (version.problem !== undefined) return { missing: `python3 is not there: ${version.problem}` };
  const key = createHash("sha256")
    .update(await readFile(requirements))
    .update(version.stdout)
    .digest("hex")
    .slice(0, 16);
  const folder = join(cache, key);
  const python = join(folder, "bin/python3");
  if (existsSync(python)) return { python };

  await mkdir(cache, { recursive: true });
  // Built aside: what has its final name is complete. A virtual environment can be moved, but for
  // the scripts in it, which are not used here.
  const aside = `${folder}.${randomUUID()}`;
  try {
    const venv = await attempt("python3", ["-m", "venv", aside]);
    if (venv.problem !== undefined) return { missing: `python3 -m venv fails: ${venv.problem}` };
    const install = ["-m", "pip", "install", "--quiet", "--requirement", requirements];
    const pip = await attempt(join(aside, "bin/python3"), install);
    if (pip.problem !== undefined) return { missing: `pip install fails: ${pip.problem}` };
    await rename(aside, folder);
  } catch (error) {
    // Another run was faster.
    if (!existsSync(python)) throw error;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  return { python };
}

/** Runs a program that may not be there. */
async function attempt(
  command: string,
  args: readonly string[],
): Promise<{ readonly stdout: string; readonly problem: string | undefined }> {
  const { code, stdout, stderr } = await runTool(command, args).catch((error: unknown) => ({
    code: 1,
    stdout: "",
    stderr: String(error),
  }));
  return { stdout, problem: code === 0 ? undefined : `${stdout}${stderr}`.trim() };
}
