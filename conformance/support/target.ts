import { fork } from "node:child_process";
import { UserServiceDefinition } from "@org/contracts/user/v1";
import { z } from "zod";
import { residentBytes } from "./service-process.ts";

const { getUser, listUsers, bulkCreateUsers } = UserServiceDefinition.methods;

/** What a target answers. */
export const targetUsers: TargetUsers = {
  ...UserServiceDefinition,
  methods: { getUser, listUsers, bulkCreateUsers },
};

type TargetUsers = Omit<UserServiceDefinition, "methods"> & {
  readonly methods: Pick<
    UserServiceDefinition["methods"],
    "getUser" | "listUsers" | "bulkCreateUsers"
  >;
};

/** What a target is started with. */
export interface TargetOptions {
  /** Its database, where its calls are to wait for one. */
  readonly databaseUrl?: string;
  readonly maxConnections?: number;
  readonly maxConcurrentCalls?: number;
  readonly loadShedding?: boolean;
  /** Its certificate and key, where it speaks TLS. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

/** How a target is. */
export interface TargetState {
  /** How many handlers are at work, and how many there have been at the same time. */
  readonly handlers: number;
  readonly peakHandlers: number;
  /** How many connections it has. */
  readonly connections: number;
  /** How long its event loop was late at the most since the last time it was asked, in milliseconds. */
  readonly lateMs: number;
  /** Its heap after garbage was collected, in bytes. */
  readonly heapBytes: number;
}

const stateSchema: z.ZodType<TargetState> = z.object({
  handlers: z.number(),
  peakHandlers: z.number(),
  connections: z.number(),
  lateMs: z.number(),
  heapBytes: z.number(),
});

/**
 * A server of UserService in a process of its own, for what would harm others. GetUser answers with the id that it is
 * asked for: at once, after computing (`cpu:5`: for 5 ms), or after a query (`sql:20`: of 20 ms). ListUsers answers with
 * as many rows as it is asked for by `page_token`, and BulkCreateUsers with how many it got.
 */
export interface Target extends AsyncDisposable {
  readonly port: number;
  /** Where it listens: `127.0.0.1:50052`. */
  readonly address: string;
  /** Its memory, in bytes. */
  residentBytes(): number;
  /** Stops it (SIGSTOP) or lets it go on (SIGCONT). */
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  /** How it is, after it has collected its garbage. */
  state(): Promise<TargetState>;
}

/** Starts a target on a free port of 127.0.0.1. */
export async function startTarget(options: TargetOptions = {}): Promise<Target> {
  const child = fork(new URL("target-main.ts", import.meta.url), [JSON.stringify(options)], {
    // With little room for garbage, its memory is what something holds: V8 gives and takes 100 MB otherwise.
    execArgv: [
      "--disable-warning=ExperimentalWarning",
      ...["--expose-gc", "--max-semi-space-size=4"],
    ],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  child.once("close", () => {
    resolve();
  });
  // Of a process that has ended, its end tells.
  child.on("error", () => undefined);
  const answer = (): Promise<unknown> => {
    const answered = Promise.withResolvers<unknown>();
    child.once("message", answered.resolve);
    void ended.then(() => {
      answered.reject(new Error("the target has ended"));
    });
    return answered.promise;
  };
  const port = z.number().parse(await answer());
  return {
    port,
    address: `127.0.0.1:${port}`,
    residentBytes: () => residentBytes(child.pid ?? 0),
    signal: (name) => {
      child.kill(name);
    },
    async state() {
      const answered = answer();
      child.send("state");
      return stateSchema.parse(await answered);
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
