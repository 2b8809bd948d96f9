import { z } from "zod";
import type { MetricsSnapshot } from "./metrics-snapshot.ts";

/**
 * What a worker tells its primary: that it serves, and on which port, or else why it cannot; and its metrics, in the
 * order in which it was asked for them.
 */
export type FromWorker =
  | { readonly type: "serving"; readonly port: number }
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "metrics"; readonly snapshot: MetricsSnapshot };

/** What a primary tells a worker: that it has to shut down, or to send its metrics. */
export interface ToWorker {
  readonly type: "drain" | "metrics";
}

const fromWorker: z.ZodType<FromWorker> = z.discriminatedUnion("type", [
  z.object({ type: z.literal("serving"), port: z.number() }),
  z.object({ type: z.literal("failed"), reason: z.string() }),
  z.object({ type: z.literal("metrics"), snapshot: z.array(z.looseObject({})) }),
]);

const toWorker: z.ZodType<ToWorker> = z.object({ type: z.enum(["drain", "metrics"]) });

/** A message of a worker's; undefined for one of somebody else's, such as `node --watch`. */
export function readFromWorker(message: unknown): FromWorker | undefined {
  return fromWorker.safeParse(message).data;
}

/** A message of the primary's; undefined for one of somebody else's. */
export function readToWorker(message: unknown): ToWorker | undefined {
  return toWorker.safeParse(message).data;
}
