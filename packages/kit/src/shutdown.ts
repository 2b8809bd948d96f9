import type { Server } from "@grpc/grpc-js";
import type { Connections } from "./connections.ts";
import type { Listener } from "./listener.ts";
import type { LiveCalls } from "./live-calls.ts";
import type { Logger } from "./logger.ts";
import { RpcError } from "./rpc-error.ts";

/** Of the grace: how much open streams may use to finish by themselves. */
const streamShare = 0.5;

/** How long the last bytes of the last answers get to leave once all calls are over, in milliseconds. */
const flushMs = 1_000;

/** How long a client may take to answer that it knows of the shutdown, in milliseconds. */
const announceMs = 1_000;

/** What a shutdown has to do with. */
export interface DrainParts {
  readonly server: Server;
  readonly connections: Connections;
  readonly listener: Listener;
  readonly live: LiveCalls;
  readonly graceMs: number;
  readonly logger: Logger;
}

/**
 * Stops accepting, tells each client to send its next calls elsewhere, lets calls finish, ends the streams that are
 * open after half of the grace with UNAVAILABLE, and closes every connection at the latest when the grace is over.
 * grpc-js's own `tryShutdown` alone waits for ever on an open stream, a silent connection or half a request.
 */
export async function drain(parts: DrainParts): Promise<void> {
  const { server, connections, listener, live, graceMs, logger } = parts;
  listener.stop();
  const start = performance.now();
  await within(Math.min(announceMs, graceMs), connections.retire());
  // Calls that come after this are refused; a connection without calls closes at once.
  server.tryShutdown(() => undefined);
  const leftMs = Math.max(0, graceMs - (performance.now() - start));
  const idle = live.idle();
  if ((await within(leftMs * streamShare, idle)) === "late") {
    live.endStreams(RpcError.unavailable("the server is shutting down", { retryAfterMs: 0 }));
    if ((await within(leftMs * (1 - streamShare), idle)) === "late") {
      logger.warn({ graceMs }, "the grace is over: cutting off the calls that are left");
    }
  }
  await within(Math.min(flushMs, graceMs), listener.closed);
  listener.cutOff();
  await listener.closed;
}

/** Waits for a promise, but no longer than that. */
async function within(ms: number, done: Promise<void>): Promise<"done" | "late"> {
  const { promise, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => {
    resolve("late");
  }, ms);
  try {
    return await Promise.race([done.then(() => "done" as const), promise]);
  } finally {
    clearTimeout(timer);
  }
}
