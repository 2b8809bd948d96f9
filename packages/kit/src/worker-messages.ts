import { z } from "zod";

/** What a worker tells its primary, once: that it serves, and on which port, or else why it cannot. */
export type FromWorker =
  | { readonly type: "serving"; readonly port: number }
  | { readonly type: "failed"; readonly reason: string };

/** What a primary tells a worker: that it has to shut down. */
export interface ToWorker {
  readonly type: "drain";
}

const fromWorker: z.ZodType<FromWorker> = z.discriminatedUnion("type", [
  z.object({ type: z.literal("serving"), port: z.number() }),
  z.object({ type: z.literal("failed"), reason: z.string() }),
]);

const toWorker: z.ZodType<ToWorker> = z.object({ type: z.literal("drain") });

/** A message of a worker's; undefined for one of somebody else's, such as `node --watch`. */
export function readFromWorker(message: unknown): FromWorker | undefined {
  return fromWorker.safeParse(message).data;
}

/** A message of the primary's; undefined for one of somebody else's. */
export function readToWorker(message: unknown): ToWorker | undefined {
  return toWorker.safeParse(message).data;
}
