import { fork } from "node:child_process";
import { once } from "node:events";
import { z } from "zod";

/** What a connection can be flooded with. */
export const floodKinds: readonly FloodKind[] = [
  "PING",
  "SETTINGS",
  "empty DATA",
  "PRIORITY",
  "CONTINUATION",
  "WINDOW_UPDATE",
  "RST_STREAM on new streams",
  "unknown frames",
];

/** Frames of one type. */
export type FloodKind =
  | "PING"
  | "SETTINGS"
  | "empty DATA"
  | "PRIORITY"
  | "CONTINUATION"
  | "WINDOW_UPDATE"
  | "RST_STREAM on new streams"
  | "unknown frames";

/** Which flood. */
export interface FloodOptions {
  readonly port: number;
  readonly kind: FloodKind;
  /** Whether the flooder reads what the server sends. */
  readonly reads: boolean;
  readonly durationMs: number;
}

/** What came of a flood. */
export interface FloodResult {
  /** How many frames the sockets have taken. */
  readonly frames: number;
  /** How many connections there were, one after the other, and how many of them the server has closed. */
  readonly connections: number;
  readonly closed: number;
}

const resultSchema: z.ZodType<FloodResult> = z.object({
  frames: z.number(),
  connections: z.number(),
  closed: z.number(),
});

/**
 * Floods a server from a process of its own, as fast as the socket takes it, until the time is over. Where the server
 * closes the connection, the flooder connects anew at once.
 */
export async function flood(options: FloodOptions): Promise<FloodResult> {
  const child = fork(new URL("flood-main.ts", import.meta.url), [JSON.stringify(options)], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const ended = once(child, "close");
  const failed = ended.then((): never => {
    throw new Error("the flood ended without a result");
  });
  const message: unknown[] = await Promise.race([once(child, "message"), failed]);
  await ended;
  return resultSchema.parse(message[0]);
}
