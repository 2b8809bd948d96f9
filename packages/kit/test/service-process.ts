import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { createChannel, createClient } from "../src/client-index.ts";
import type { Exit } from "./child.ts";
import { EchoDefinition } from "./echo.ts";
import type { EchoClient } from "./echo-server.ts";

/** A line of the log, as far as the tests read it. */
export interface ServiceLine {
  readonly level: number;
  readonly msg: string;
  /** The process that has written it. */
  readonly pid: number;
  readonly port?: number | undefined;
  /** How many workers serve, in a line of the primary's. */
  readonly workers?: number | undefined;
  /** The worker that a line of the primary's is about. */
  readonly worker?: number | undefined;
  readonly code?: number | null | undefined;
  readonly signal?: string | null | undefined;
  readonly reason?: string | undefined;
  readonly retryInMs?: number | undefined;
}

const serviceLine: z.ZodType<ServiceLine> = z.looseObject({
  level: z.number(),
  msg: z.string(),
  pid: z.number(),
  port: z.number().optional(),
  workers: z.number().optional(),
  worker: z.number().optional(),
  code: z.number().nullish(),
  signal: z.string().nullish(),
  reason: z.string().optional(),
  retryInMs: z.number().optional(),
});

/** How a service's start goes. */
export type Start = "well" | "broken" | "defect" | "never";

/** A service's program with all of its processes. */
export interface ServiceProcess extends AsyncDisposable {
  /** Of the process that was started: with workers, their primary. */
  readonly pid: number;
  readonly log: readonly ServiceLine[];
  /** Everything that was written to the standard error. */
  stderr(): string;
  /** Resolves with the n-th line of the log that is such a one, there or to come. Rejects where all end without. */
  line(isIt: (line: ServiceLine) => boolean, nth?: number): Promise<ServiceLine>;
  /** Resolves with the port, once all processes serve. */
  readonly port: Promise<number>;
  /** Resolves once that process, and each that it has started, has ended. */
  readonly ended: Promise<Exit>;
  /** Has those that start from now on do it so. */
  nextStart(how: Start): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Sends a signal to all processes, as a terminal does. */
  killAll(signal: NodeJS.Signals): void;
  /** A client with a connection of its own. */
  connect(): Promise<ConnectedClient>;
}

/** A client, and the PID of the process that its connection leads to. */
export interface ConnectedClient extends Disposable {
  readonly client: EchoClient;
  readonly pid: number;
}

/** Where Node.js keeps compiled modules: half of the time that a process takes to start is for these. */
const cache = join(import.meta.dirname, "../../../node_modules/.cache/compiled");

/** Starts `service-child.ts`. */
export async function startService(
  env: Readonly<Record<string, string>>,
  how: Start = "well",
): Promise<ServiceProcess> {
  const folder = await mkdtemp(join(tmpdir(), "service-"));
  const file = join(folder, "start");
  await writeFile(file, how);
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "service-child.ts")],
    {
      env: { START_FILE: file, STOP_TIMEOUT_MS: "15000", NODE_COMPILE_CACHE: cache, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      // In a process group of its own, so that all of it can be reached.
      detached: true,
    },
  );
  const { pid } = child;
  if (pid === undefined) throw new Error("the service could not be started");
  const log: ServiceLine[] = [];
  let stderr = "";
  const watchers = new Set<() => void>();
  createInterface({ input: child.stdout }).on("line", (text) => {
    log.push(serviceLine.parse(JSON.parse(text)));
    for (const watch of watchers) watch();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = Promise.withResolvers<Exit>();
  // Not before each process that has its outputs, too, is gone.
  child.once("close", (code, signal) => {
    ended.resolve({ code, signal });
  });
  const killAll = (signal: NodeJS.Signals): void => {
    process.kill(-pid, signal);
  };
  const atExit = (): void => {
    killAll("SIGKILL");
  };
  process.once("exit", atExit);
  void ended.promise.then(() => process.off("exit", atExit));

  const line = (isIt: (line: ServiceLine) => boolean, nth = 1): Promise<ServiceLine> => {
    const { promise, resolve, reject } = Promise.withResolvers<ServiceLine>();
    const watch = (): void => {
      const found = log.filter(isIt)[nth - 1];
      if (found !== undefined) resolve(found);
    };
    watchers.add(watch);
    watch();
    void ended.promise.then(() => {
      reject(new Error(`the service ended without that line:\n${JSON.stringify(log)}\n${stderr}`));
    });
    return promise.finally(() => watchers.delete(watch));
  };
  const isServing = ({ msg, workers }: ServiceLine): boolean =>
    msg === "serving" && ((env["WORKERS"] ?? "1") === "1" || workers !== undefined);
  const port = line(isServing).then(({ port: found }) => z.number().parse(found));
  // Not each test waits for it.
  port.catch(() => undefined);
  return {
    pid,
    log,
    stderr: () => stderr,
    line,
    port,
    ended: ended.promise,
    nextStart: (next) => writeFile(file, next),
    kill: (signal) => void child.kill(signal),
    killAll,
    async connect() {
      const channel = createChannel({ target: `127.0.0.1:${await port}` });
      const client = createClient(EchoDefinition, { channel });
      const { requestId } = await client.echo({});
      return {
        client,
        pid: Number(requestId),
        [Symbol.dispose]: () => {
          channel.close();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      try {
        killAll("SIGKILL");
      } catch {
        // All of them are gone.
      }
      await ended.promise;
      await rm(folder, { recursive: true });
    },
  };
}
