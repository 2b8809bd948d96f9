import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";

/** What runs apart from each other: what is measured, and what makes it work. `anywhere`: what has all cores. */
export type Role = "measured" | "load" | "anywhere";

const last = availableParallelism() - 1;

/** The first core and the last one, which with simultaneous multithreading is not the first one's twin. */
const coreOf: Readonly<Record<Role, string>> = {
  measured: "0",
  load: String(last),
  anywhere: `0-${last}`,
};

/** Whether processes are kept on their cores: by `taskset`, where it is there and there is more than one core. */
export const isPinned: boolean = last > 0 && spawnSync("taskset", ["--version"]).status === 0;

/** A command that runs another one on the core of its role. */
export function pinned(
  role: Role,
  command: string,
  args: readonly string[],
): { readonly command: string; readonly args: readonly string[] } {
  if (!isPinned) return { command, args };
  return { command: "taskset", args: ["--cpu-list", coreOf[role], command, ...args] };
}

/** Keeps this process on the core of a role. */
export function pinThisProcess(role: Role): void {
  if (!isPinned) return;
  spawnSync("taskset", ["--all-tasks", "--cpu-list", "--pid", coreOf[role], String(process.pid)]);
}
