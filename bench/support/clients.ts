import { join } from "node:path";
import { type Child, startChild } from "./child.ts";
import { type ClientJob, clientResult } from "./client-process.ts";
import { announced } from "./peers.ts";
import type { Role } from "./cores.ts";
import type { Sample } from "./sample.ts";
import { tracedEnvironment } from "./trace-sink.ts";

/** The clients that are measured, by the names of their files in bench/clients. */
export const clientNames = ["ours", "grpc-js", "nice-grpc", "connect-node"] as const;
export type ClientName = (typeof clientNames)[number];

/** A client in a process of its own. */
export interface RunningClient extends AsyncDisposable {
  /** Makes calls for a while. */
  run(job: ClientJob): Promise<Sample>;
}

/** Starts a client of a server on this machine. */
export async function startClient(
  name: ClientName,
  port: number,
  { token = "", role = "measured" }: { readonly token?: string; readonly role?: Role } = {},
): Promise<RunningClient> {
  const file = join(import.meta.dirname, "../clients", `${name}.ts`);
  const env = name === "ours" ? await tracedEnvironment() : {};
  const child: Child = startChild(role, file, [String(port), token], env);
  await child.next(announced);
  return {
    async run(job) {
      const { calls, seconds, cpuMicroseconds } = await child.ask(job, clientResult);
      return {
        perSecond: calls / seconds,
        cpuMicroseconds: cpuMicroseconds / calls,
        busy: cpuMicroseconds / (seconds * 1_000_000),
      };
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
