import { type ChildProcess, spawn } from "node:child_process";
import { basename } from "node:path";
import type { z } from "zod";
import { pinned, type Role } from "./cores.ts";

/** A program of the benches in a process of its own, which answers each message with one. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** Sends a message; resolves with the next one that comes. */
  ask<T>(question: object, answer: z.ZodType<T>): Promise<T>;
  /** Resolves with the next message that comes. */
  next<T>(answer: z.ZodType<T>): Promise<T>;
}

/** Those that have not ended: none of them outlives this process. */
const children = new Set<ChildProcess>();

process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/**
 * Starts a program on the core of its role, with more variables than this process has. What it prints is dropped, but
 * for its errors.
 */
export function startChild(
  role: Role,
  file: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Child {
  const at = pinned(role, process.execPath, [
    "--disable-warning=ExperimentalWarning",
    file,
    ...args,
  ]);
  const child = spawn(at.command, at.args, {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    // As production does; some peers do more where they are not told so.
    env: { ...process.env, NODE_ENV: "production", ...env },
    // Messages may hold bytes.
    serialization: "advanced",
  });
  children.add(child);
  const { promise: ended, resolve: end } = Promise.withResolvers<string>();
  child.once("close", (code, signal) => {
    const how = `${basename(file)} has ended: ${signal ?? code ?? "?"}`;
    // Whoever waits for something else would not be told.
    if (children.delete(child)) console.error(how);
    end(how);
  });
  // Of what cannot be sent to it, its end tells.
  child.on("error", () => undefined);
  const next = async <T>(answer: z.ZodType<T>): Promise<T> => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    child.once("message", resolve);
    const message = await Promise.race([
      promise,
      ended.then((how) => {
        throw new Error(how);
      }),
    ]);
    return answer.parse(message);
  };
  return {
    pid: child.pid ?? 0,
    next,
    ask(question, answer) {
      const answered = next(answer);
      child.send(question);
      return answered;
    },
    async [Symbol.asyncDispose]() {
      children.delete(child);
      child.kill("SIGKILL");
      await ended;
    },
  };
}
