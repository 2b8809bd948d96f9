/** The process of target.ts: a server that does as its requests say, and tells its parent how it is. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { BulkCreateUsersResponse, User } from "@org/contracts/user/v1";
import { type Database, openDatabase } from "@org/database";
import { createLogger, followCalls, implement, serve } from "@org/kit";
import { z } from "zod";
import { type TargetState, targetUsers } from "./target.ts";

const { databaseUrl, ...options } = z
  .object({ databaseUrl: z.string().optional() })
  .and(z.record(z.string(), z.unknown()))
  .parse(JSON.parse(process.argv[2] ?? "{}"));

let handlers = 0;
let peakHandlers = 0;
/** For as long as a handler is at work. */
function atWork(): Disposable {
  handlers += 1;
  peakHandlers = Math.max(peakHandlers, handlers);
  return { [Symbol.dispose]: () => void (handlers -= 1) };
}

const database: Database | undefined =
  databaseUrl === undefined
    ? undefined
    : await openDatabase({
        name: "target",
        config: { DATABASE_URL: databaseUrl, DATA_DIR: "unused", EMBEDDED_DATABASE: false },
        migrations: {},
        currentCall: followCalls(),
      });

const users = implement(targetUsers, {
  async getUser({ userId }) {
    using _ = atWork();
    const [kind, amount] = userId.split(":");
    if (kind === "cpu") compute(Number(amount));
    if (kind === "sql") {
      await database?.query({ text: "select pg_sleep($1)", values: [Number(amount) / 1_000] });
    }
    return User.fromPartial({ id: userId });
  },
  async *listUsers({ pageToken }) {
    using _ = atWork();
    for (let row = 0; row < Number(pageToken); row += 1) {
      yield User.fromPartial({ id: `u${row}`, name: "x".repeat(100) });
    }
  },
  async bulkCreateUsers(requests) {
    using _ = atWork();
    return BulkCreateUsersResponse.fromPartial({ createdCount: await countOf(requests) });
  },
});

async function countOf(requests: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of requests) count += 1;
  return count;
}

/** Keeps the processor busy for so many milliseconds of it, as a handler that renders or hashes does. */
function compute(ms: number): void {
  const start = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(start);
    if ((user + system) / 1_000 >= ms) return;
  }
}

const server = await serve({
  services: [users],
  logger: createLogger({ name: "target", level: "silent" }),
  signals: false,
  ...options,
});

const lateness = monitorEventLoopDelay({ resolution: 5 });
lateness.enable();
process.on("message", () => {
  globalThis.gc?.();
  const state: TargetState = {
    handlers,
    peakHandlers,
    connections: process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length,
    lateMs: lateness.max / 1_000_000,
    heapBytes: process.memoryUsage().heapUsed,
  };
  lateness.reset();
  process.send?.(state);
});
process.send?.(server.port);
