import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";

const main = join(import.meta.dirname, "../src/cli/main.ts");

/** How a run of the command line went. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a run gets besides its arguments. */
export interface RunOptions {
  /** What comes on the standard input; nothing by default. */
  readonly stdin?: string | Uint8Array;
  /** All of the environment, besides the path. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A process of the command line whose streams are all pipes. */
export type ClientProcess = ChildProcess & { stdin: Writable; stdout: Readable; stderr: Readable };

/** Starts the command line as a process of its own. */
export function startClient(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ClientProcess {
  return spawn(process.execPath, [main, ...args], {
    // Nothing of what the tests run in decides about targets or colours.
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
}

/** Runs the command line to its end. */
export async function runClient(
  args: readonly string[],
  { stdin = "", env }: RunOptions = {},
): Promise<Finished> {
  const child = startClient(args, env);
  // A command that does not read its input may be gone before it is written.
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin);
  const exit = once(child, "close");
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await exit;
  return { code: child.exitCode, stdout, stderr };
}

/** The JSON objects of a text, one a line. */
export function jsonLines(lines: string): unknown[] {
  return lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line): unknown => JSON.parse(line));
}
