import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";

/** The folder of the whole repository. */
export const root: string = join(import.meta.dirname, "../..");

/** What a program is run with. */
export interface ToolOptions {
  /** What it reads from its standard input; nothing by default. */
  readonly input?: string;
  /** The working folder; the repository's root by default. */
  readonly cwd?: string;
  /** Variables added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** For a program that does not end by itself: whether it has printed enough, and is stopped. */
  readonly until?: (stdout: string) => boolean;
}

/** What a program left behind. */
export interface ToolResult {
  /** The exit code; null where it was ended by a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, with the repository's own tools first on the PATH. Rejects where it cannot be started. */
export function runTool(
  command: string,
  args: readonly string[],
  { input = "", cwd = root, env, until }: ToolOptions = {},
): Promise<ToolResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ToolResult>();
  const bin = join(root, "node_modules/.bin");
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}`, ...env },
    // A group of their own, for whoever stops it: the program may stand behind a script that starts it.
    detached: true,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    if (until?.(stdout) === true && child.pid !== undefined) process.kill(-child.pid);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  // A program that has read enough may close its input while some is left.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  child.on("error", reject);
  child.on("close", (code) => {
    resolve({ code, stdout, stderr });
  });
  return promise;
}

/** Like {@link runTool}, for a program that has to succeed: throws what it printed otherwise. */
export async function mustRunTool(
  command: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await runTool(command, args, options);
  if (code === 0) return stdout;
  throw new Error(
    `${command} ${args.join(" ")} ended with ${code ?? "a signal"}\n${stdout}${stderr}`.trim(),
  );
}
