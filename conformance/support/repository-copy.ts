import { spawn } from "node:child_process";
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { mustRunTool, root, type ToolResult } from "./run-tool.ts";

/** A command that runs in a copy of the repository. */
export interface RunningCommand {
  /** Resolves with what the pattern matches in its output, from the n-th match on; rejects where it ends before. */
  printed(pattern: RegExp, nth?: number): Promise<RegExpMatchArray>;
  /** Presses Ctrl-C: the signal goes to every process that the command started. */
  interrupt(): Promise<ToolResult>;
  /** Resolves once it has ended. */
  readonly ended: Promise<ToolResult>;
}

/** The files that git has, or would take, in a folder of their own: what a newcomer clones. */
export async function copyRepository(to: string): Promise<void> {
  const files = await mustRunTool("git", ["ls-files", "-z", "-co", "--exclude-standard"]);
  for (const file of files.split("\0").filter((name) => name !== "")) {
    await mkdir(dirname(join(to, file)), { recursive: true });
    // A file that is deleted, but not yet in git's list, is no part of the copy.
    await cp(join(root, file), join(to, file)).catch((error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    });
  }
  // The reader has installed pnpm; npx brings it here.
  const find = ["--yes", "--package", manifest.packageManager, "--", "sh", "-c", "command -v pnpm"];
  await mkdir(join(to, ".bin"));
  await symlink((await mustRunTool("npx", find)).trim(), join(to, ".bin/pnpm"));
}

/** Puts text into a file of the copy: before the line that has the marker, or at the end. */
export async function insert(file: string, text: string, before?: string): Promise<void> {
  const lines = (await readFile(file, "utf8")).split("\n");
  const at = before === undefined ? lines.length : lines.findIndex((line) => line.includes(before));
  if (at === -1) throw new Error(`${file} has no line with ${before ?? ""}`);
  await writeFile(file, lines.toSpliced(at, 0, ...text.replace(/\n$/, "").split("\n")).join("\n"));
}

/** Runs a line of shell in a copy, in an environment as clean as a new terminal's. */
export function runInCopy(
  copy: string,
  line: string,
  env: Readonly<Record<string, string>> = {},
): RunningCommand {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(?:npm_|pnpm_|NODE_|JEST_|GRPC_|DATA|LOG_)/i.test(name),
  );
  const path = (process.env["PATH"] ?? "").split(delimiter);
  const outside = path.filter((folder) => !folder.includes("node_modules"));
  const child = spawn("sh", ["-c", line], {
    cwd: copy,
    env: {
      ...Object.fromEntries(inherited),
      PATH: [join(copy, ".bin"), ...outside].join(delimiter),
      ...env,
    },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const group = (signal: NodeJS.Signals): void => {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  };
  let stdout = "";
  let stderr = "";
  const ended = Promise.withResolvers<ToolResult>();
  const watchers = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    for (const watch of watchers) watch();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const killAtExit = (): void => {
    group("SIGKILL");
  };
  process.once("exit", killAtExit);
  child.on("error", ended.reject);
  child.on("close", (code) => {
    process.off("exit", killAtExit);
    ended.resolve({ code, stdout, stderr });
  });
  return {
    ended: ended.promise,
    printed: (pattern, nth = 1) => {
      const { promise, resolve, reject } = Promise.withResolvers<RegExpMatchArray>();
      const watch = (): void => {
        const match = Array.from(stdout.matchAll(new RegExp(pattern, "g"))).at(nth - 1);
        if (match !== undefined) resolve(match);
      };
      watchers.add(watch);
      watch();
      void ended.promise.then(() => {
        reject(new Error(`${line} ended without printing ${pattern.source}:\n${stdout}${stderr}`));
      }, reject);
      return promise.finally(() => watchers.delete(watch));
    },
    interrupt: () => {
      group("SIGINT");
      return ended.promise;
    },
  };
}
