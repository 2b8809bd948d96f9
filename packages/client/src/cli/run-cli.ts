import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { ClientTls } from "@org/kit/client";
import type { Command } from "commander";
import { type Config, readConfig } from "./config.ts";
import { Output } from "./output.ts";
import { createProgram, type GlobalOptions } from "./program.ts";
import { reportError } from "./report-error.ts";
import { Session } from "./session.ts";
import { isTerminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

/** What the process ends with after Ctrl-C: 128 and the number of SIGINT. */
const interruptedCode = 130;

/** How long a command has after Ctrl-C to say how far it got, in milliseconds. */
const interruptGraceMs = 1000;

/** Runs one command. Resolves with the exit code, once everything has been said. */
export async function runCli(args: readonly string[]): Promise<number> {
  const interruption = new AbortController();
  // A second Ctrl-C has its usual effect.
  process.once("SIGINT", () => {
    interruption.abort();
  });
  const { signal } = interruption;
  // Looked for before the options are read: what is wrong with them is said in the same form.
  const json = args.includes("--json");
  const command = runCommand(args, json, signal);
  const overdue = once(signal, "abort").then(async () => {
    await delay(interruptGraceMs, undefined, { ref: false });
    // process.exit would wait for a read that waits for whoever writes to a pipe.
    process.kill(process.pid, "SIGINT");
  });
  await Promise.race([command, overdue]);
  return signal.aborted ? interruptedCode : await command;
}

async function runCommand(
  args: readonly string[],
  json: boolean,
  signal: AbortSignal,
): Promise<number> {
  let output = new Output({ json });
  let session: Session | undefined;
  endWithReader(() => session?.exitCode ?? 0);
  try {
    const config = readConfig();
    output = new Output({ json, colors: config.colors });
    const open = (): Session => {
      session ??= openSession(program, config, output, signal);
      return session;
    };
    const program: Command = createProgram(config.programName, open);
    await program.parseAsync(args, { from: "user" });
    return session?.exitCode ?? 0;
  } catch (error) {
    return signal.aborted ? interruptedCode : reportError(error, output);
  } finally {
    session?.close();
  }
}

function openSession(
  program: Command,
  config: Config,
  output: Output,
  signal: AbortSignal,
): Session {
  const options = program.opts<GlobalOptions>();
  const { products, users, timeout, tokenFile } = options;
  return new Session({
    targets: { products: products ?? config.products, users: users ?? config.users },
    timeoutMs: timeout,
    tls: tlsOf(options, config),
    token: tokenFile === undefined ? config.token : { file: tokenFile },
    output,
    stdin: process.stdin,
    signal,
    progressStream: isTerminal(process.stderr) ? process.stderr : undefined,
  });
}

function tlsOf(options: GlobalOptions, config: Config): ClientTls | undefined {
  const { serverName } = options;
  const { caFile = config.caFile, certFile = config.certFile, keyFile = config.keyFile } = options;
  if (caFile === undefined) {
    const needless = {
      "--cert-file": certFile,
      "--key-file": keyFile,
      "--server-name": serverName,
    };
    const [given] = Object.entries(needless).filter(([, value]) => value !== undefined);
    if (given === undefined) return undefined;
    throw new UsageError(
      `${given[0]} (or its variable) is for calls by TLS, which --ca-file (TLS_CA_FILE) asks for`,
    );
  }
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new UsageError(
      "--cert-file (TLS_CERT_FILE) and --key-file (TLS_KEY_FILE) are given together, or not at all",
    );
  }
  return { caFile, certFile, keyFile, serverName };
}

/** Ends the process when whoever reads its results has left, as `| head` does: that is no failure. */
function endWithReader(exitCode: () => number): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitCode());
    process.stderr.write(`error: cannot write the results: ${error.message}\n`);
    process.exit(1);
  });
  // Nobody is left to tell.
  process.stderr.on("error", () => undefined);
}
