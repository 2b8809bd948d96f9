import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { prepareDataDir, preparedDataDir } from "@org/database/testing";
import { root } from "./run-tool.ts";

/** One line of a service's log. */
export interface LogLine {
  /** 30 is info, 40 warn, 50 error, 60 fatal. */
  readonly level: number;
  readonly msg: string;
}

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A service in a process of its own, as production runs it. */
export interface ServiceProcess extends AsyncDisposable {
  readonly target: string;
  /** Resolves once the process has ended, however it ended. */
  readonly ended: Promise<Ending>;
  /** What it has logged so far. */
  readonly log: readonly LogLine[];
  /** All that it has printed so far, to both of its streams. */
  printed(): string;
  /** Resolves once it has logged that message, n times. Rejects where it ends without. */
  logged(msg: string, times?: number): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Its memory at the moment, in bytes. */
  residentBytes(): number;
}

/** Which service to start, and on what. */
export interface ServiceProcessOptions {
  readonly name: string;
  /** The folder of its embedded database; `memory://`: one that is gone afterwards. */
  readonly dataDir: string;
  /** The file to run; the source of the service's package by default. */
  readonly entry?: string;
  /** More variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Those that have not ended: none of them outlives the tests. */
const children = new Set<ChildProcess>();

process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/**
 * Starts a service on a free port. Resolves once it serves, with all of its workers; rejects, with what it printed,
 * where it does not.
 */
export async function startService(options: ServiceProcessOptions): Promise<ServiceProcess> {
  const { name, env } = options;
  // With workers, the line of each of them comes before that of their primary.
  const workers = env?.["WORKERS"] === undefined ? undefined : Number(env["WORKERS"]);
  const dataDir = await databaseFolder(options);
  const file = options.entry ?? join(root, "packages", name, "src/main.ts");
  const child = spawn(process.execPath, [file], {
    env: {
      ...process.env,
      DATA_DIR: dataDir,
      DATABASE_URL: "",
      GRPC_HOST: "",
      GRPC_PORT: "0",
      LOG_LEVEL: "info",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);

  const log: LogLine[] = [];
  let printed = "";
  const waiting = new Map<string, PromiseWithResolvers<void>>();
  const counts = new Map<string, number>();
  const serving = Promise.withResolvers<number>();
  createInterface({ input: child.stdout }).on("line", (text) => {
    printed += `${text}\n`;
    const line = parseLine(text);
    if (line === undefined) return;
    log.push(line);
    if (line.msg === "serving" && line.port !== undefined && line.workers === workers) {
      serving.resolve(line.port);
    }
    const count = (counts.get(line.msg) ?? 0) + 1;
    counts.set(line.msg, count);
    waiting.get(`${count} ${line.msg}`)?.resolve();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  const ended = Promise.withResolvers<Ending>();
  child.on("error", serving.reject);
  child.on("close", (code, signal) => {
    children.delete(child);
    const error = new Error(`${name} ended (${signal ?? code ?? "?"}). It printed:\n${printed}`);
    serving.reject(error);
    for (const { reject } of waiting.values()) reject(error);
    ended.resolve({ code, signal });
  });

  const port = await serving.promise;
  return {
    target: `127.0.0.1:${port}`,
    ended: ended.promise,
    log,
    printed: () => printed,
    logged(msg, times = 1) {
      if ((counts.get(msg) ?? 0) >= times) return Promise.resolve();
      const key = `${times} ${msg}`;
      const entry = waiting.get(key) ?? Promise.withResolvers<void>();
      waiting.set(key, entry);
      return entry.promise;
    },
    kill: (signal) => void child.kill(signal),
    residentBytes: () => residentBytes(child.pid ?? 0),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended.promise;
    },
  };
}

/** Where the process finds an empty database that is made already, if it is a service that has one. */
async function databaseFolder({ name, dataDir, env }: ServiceProcessOptions): Promise<string> {
  if (env?.["DATABASE_URL"] !== undefined) return dataDir;
  if (name !== "product-service" && name !== "user-service") return dataDir;
  if (dataDir === "memory://") return preparedDataDir(name);
  await prepareDataDir(dataDir, name);
  return dataDir;
}

interface ParsedLine extends LogLine {
  readonly port: number | undefined;
  readonly workers: number | undefined;
}

function parseLine(text: string): ParsedLine | undefined {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof line !== "object" || line === null || !("level" in line) || !("msg" in line)) {
    return undefined;
  }
  const { level, msg } = line;
  if (typeof level !== "number" || typeof msg !== "string") return undefined;
  const port = "port" in line && typeof line.port === "number" ? line.port : undefined;
  const workers = "workers" in line && typeof line.workers === "number" ? line.workers : undefined;
  return { level, msg, port, workers };
}

/** The memory of a process at the moment, in bytes. */
export function residentBytes(pid: number): number {
  const file = `/proc/${pid}/status`;
  const text = existsSync(file)
    ? /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(file, "utf8"))?.[1]
    : execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" }).trim();
  const kibibytes = Number(text);
  if (!(kibibytes > 0)) throw new Error(`the memory of process ${pid} cannot be told`);
  return kibibytes * 1024;
}
