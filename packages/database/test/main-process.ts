import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it wrote to its standard error. */
  readonly stderr: string;
}

/** A service in a process of its own. */
export interface MainProcess extends AsyncDisposable {
  readonly pid: number;
  /** The port it serves on. Rejects where it ends before it does. */
  readonly port: Promise<number>;
  /** Resolves once it has ended, however it ended. */
  readonly exit: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
}

/** What is run, and with what. */
export interface MainProcessOptions {
  /** The module. */
  readonly main: URL;
  /** All variables of its environment. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Runs a service's main. */
export function startMain({ main, environment }: MainProcessOptions): MainProcess {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", main.pathname], {
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const port = Promise.withResolvers<number>();
  // Not each test waits for it.
  port.promise.catch(() => undefined);
  createInterface({ input: child.stdout }).on("line", (line) => {
    const logged: unknown = JSON.parse(line);
    if (typeof logged === "object" && logged !== null && "port" in logged) {
      port.resolve(Number(logged.port));
    }
  });
  const exit = Promise.withResolvers<Exit>();
  child.once("error", exit.reject);
  child.once("close", (code, signal) => {
    port.reject(new Error(`the process ended before it served:\n${stderr}`));
    exit.resolve({ code, signal, stderr });
  });
  return {
    pid: child.pid ?? 0,
    port: port.promise,
    exit: exit.promise,
    kill: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exit.promise;
    },
  };
}
