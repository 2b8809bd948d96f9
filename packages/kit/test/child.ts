import { fork } from "node:child_process";
import { z } from "zod";
import { createClient } from "../src/client-index.ts";
import { createChannel } from "./create-channel.ts";
import { EchoDefinition } from "./echo.ts";
import type { EchoClient } from "./echo-server.ts";

/** How a process ended: by itself with a code, or by a signal. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a child counts. */
export interface Counts {
  /** The answers that its endless streams have produced. */
  readonly produced: number;
  /** The requests that have reached a handler. */
  readonly received: number;
  /** The calls that something still holds in memory. */
  readonly held: number;
  /** Its memory, in bytes. */
  readonly rss: number;
}

const counts: z.ZodType<Counts> = z.object({
  produced: z.number(),
  received: z.number(),
  held: z.number(),
  rss: z.number(),
});

/** A server in a process of its own, for what would end or hold the process of the test. */
export interface Child extends AsyncDisposable {
  readonly client: EchoClient;
  readonly channel: ReturnType<typeof createChannel>;
  readonly port: number;
  /** Resolves when the process is gone. */
  readonly exit: Promise<Exit>;
  /** Everything that it has written to its standard error. */
  stderr(): string;
  /** Everything that it has written to its standard output, where its log goes. */
  stdout(): string;
  /** Asks it what it has counted so far. */
  count(): Promise<Counts>;
  /** The same, after it has collected its garbage. */
  collect(): Promise<Counts>;
  kill(signal: NodeJS.Signals): void;
}

export interface ChildOptions {
  readonly graceMs?: number;
}

/** Starts `echo-child.ts`. */
export async function startChild(options: ChildOptions = {}): Promise<Child> {
  const child = fork(new URL("echo-child.ts", import.meta.url), [JSON.stringify(options)], {
    execArgv: ["--disable-warning=ExperimentalWarning", "--expose-gc"],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const written = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (written.stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (written.stderr += text));

  const { promise: exit, resolve } = Promise.withResolvers<Exit>();
  // After `close` all that it has written is here.
  child.once("close", (code, signal) => {
    resolve({ code, signal });
  });
  const answer = (): Promise<unknown> => {
    const { promise, resolve: received } = Promise.withResolvers<unknown>();
    child.once("message", received);
    const failed = exit.then(({ code, signal }) => {
      throw new Error(
        `the child ended (${code ?? signal ?? "?"}): ${written.stdout}${written.stderr}`,
      );
    });
    return Promise.race([promise, failed]);
  };
  const ask = async (collect: boolean): Promise<Counts> => {
    const answered = answer();
    child.send(collect);
    return counts.parse(await answered);
  };
  const port = Number(await answer());
  const channel = createChannel({ target: `127.0.0.1:${port}` });
  return {
    client: createClient(EchoDefinition, { channel }),
    channel,
    port,
    exit,
    stderr: () => written.stderr,
    stdout: () => written.stdout,
    count: () => ask(false),
    collect: () => ask(true),
    kill: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      channel.close();
      child.kill("SIGKILL");
      await exit;
    },
  };
}
