import { z } from "zod";
import type { LoadCall } from "./load-connection.ts";

/** What the load generator is to do. */
export interface LoadJob {
  readonly protocol: "grpc" | "http";
  readonly port: number;
  readonly call: LoadCall;
  readonly connections: number;
  /** Connections that are there besides, and have made one call each. */
  readonly idleConnections: number;
  /** How many calls there are at a time on all connections; where it is 0, calls begin at a rate. */
  readonly inFlight: number;
  /** How many calls begin in a second, whatever becomes of those before. */
  readonly perSecond: number;
  /** For how long calls are begun, in milliseconds. */
  readonly forMs: number;
}

const bytes = z.instanceof(Uint8Array).transform((value) => Buffer.from(value));

export const loadJob: z.ZodType<LoadJob> = z.object({
  protocol: z.enum(["grpc", "http"]),
  port: z.number(),
  call: z.object({
    path: z.string(),
    headers: z.array(z.tuple([z.string(), z.string()])),
    body: bytes,
    expected: bytes,
  }),
  connections: z.number(),
  idleConnections: z.number(),
  inFlight: z.number(),
  perSecond: z.number(),
  forMs: z.number(),
});

/** What the generator says once its connections are open; the next message lets it begin. */
export const isOpen: z.ZodType<{ readonly open: true }> = z.object({ open: z.literal(true) });

/** What came of it. */
export interface LoadResult {
  /** How many calls were over, with the answer that was expected. */
  readonly calls: number;
  /** From the first call to the end of the last one. */
  readonly seconds: number;
  /** Of calls that begin at a rate: how long they took from when they were due, in milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly bytesWritten: number;
  readonly bytesRead: number;
  /** How many calls failed, by what was wrong. */
  readonly failures: Readonly<Record<string, number>>;
}

/** What it calls a refusal: the status UNAVAILABLE. */
export const refusal = "status 14";

export const loadResult: z.ZodType<LoadResult> = z.object({
  calls: z.number(),
  seconds: z.number(),
  p50Ms: z.number(),
  p99Ms: z.number(),
  maxMs: z.number(),
  bytesWritten: z.number(),
  bytesRead: z.number(),
  failures: z.record(z.string(), z.number()),
});
