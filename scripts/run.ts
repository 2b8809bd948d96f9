import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";

/** The folder of the whole repository. */
export const root: string = join(import.meta.dirname, "..");

/** What a command left behind. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where and with what a command runs. */
export interface RunOptions {
  /** The working folder; the repository's root by default. */
  readonly cwd?: string;
  /** Variables added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Show the command's output as it comes, instead of keeping it. */
  readonly inherit?: boolean;
}

/** Runs a command to its end, with the repository's own tools first on the PATH. Never rejects for an exit code. */
export function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  const { promise, resolve, reject } = Promise.withResolvers<Finished>();
  const bin = join(root, "node_modules", ".bin");
  const child = spawn(command, args, {
    cwd: options.cwd ?? root,
    env: {
      ...process.env,
      PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}`,
      ...options.env,
    },
    stdio: options.inherit === true ? "inherit" : ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.on("error", reject);
  child.on("close", (code, signal) => {
    resolve({ code: code ?? (signal === null ? 1 : 128), stdout, stderr });
  });
  return promise;
}

/** Like {@link run}, for a command that has to succeed: throws what it printed otherwise. */
export async function mustRun(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code !== 0) {
    throw new Error(`${command} ${args.join(" ")} exited with ${code}\n${stdout}${stderr}`.trim());
  }
  return stdout;
}
