import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { z } from "zod";

/** What a load in a process of its own has found. */
export interface LoadReport {
  readonly calls: number;
  /** How many there were of each status and text but OK. */
  readonly failures: Readonly<Record<string, number>>;
}

/** A load in a process of its own. */
export interface LoadProcess extends AsyncDisposable {
  /** Begins no more calls; resolves, once all are over, with how they went. */
  stop(): Promise<LoadReport>;
}

const reportSchema: z.ZodType<LoadReport> = z.object({
  calls: z.number(),
  failures: z.record(z.string(), z.number()),
});

/**
 * Calls GetUser of a target that many times a second, in a process that asks the name server of the target: grpc-js
 * decides when it is loaded whether it asks the operating system instead. Resolves after the first answer.
 */
export async function startLoadProcess(target: string, perSecond: number): Promise<LoadProcess> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "load-main.ts"), target, String(perSecond)],
    {
      env: { ...process.env, GRPC_NODE_USE_ALTERNATIVE_RESOLVER: "true" },
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  let printed = "";
  child.stdout.setEncoding("utf8");
  const ended = once(child, "close");
  await Promise.race([
    once(child.stdout, "data"),
    ended.then(() => {
      throw new Error("the load ended before its first answer");
    }),
  ]);
  child.stdout.on("data", (text: string) => (printed += text));
  return {
    async stop() {
      child.stdin.end();
      await ended;
      return reportSchema.parse(JSON.parse(printed));
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
