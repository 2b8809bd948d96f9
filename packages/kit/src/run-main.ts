import { inspect } from "node:util";
import { GrantsFileError } from "./certificate-authentication.ts";
import { EnvironmentError } from "./environment.ts";
import { ListenError } from "./listen-error.ts";
import { TlsFileError } from "./tls-files.ts";
import { WorkerStartError } from "./worker-process.ts";

/** How a program's start is run. */
export interface RunMainOptions {
  /** Errors that an operator can do something about: they are shown without their stack. */
  readonly operatorErrors?: readonly (abstract new (
    ...args: never
  ) => Error)[];
  /** Told why the program cannot start; by default, that goes to the standard error. */
  readonly report?: (reason: string) => void;
}

/**
 * Runs the start of a program. Where it fails, the reason goes to the standard error and the process
 * ends with 1. A wrong environment, an address that is taken and files that
 * are of no use are shown without their stack, and so is what a worker has said of its start.
 */
export async function runMain(
  start: () => Promise<unknown>,
  { operatorErrors = [], report = writeError }: RunMainOptions = {},
): Promise<void> {
  try {
    await start();
  } catch (error) {
    const expected = [
      ...[EnvironmentError, ListenError, TlsFileError, GrantsFileError, WorkerStartError],
      ...operatorErrors,
    ];
    const known = expected.find((type) => error instanceof type) !== undefined;
    process.exitCode = 1;
    report(known && error instanceof Error ? error.message : inspect(error));
  }
}

/** Writes a line to the standard error. */
export function writeError(text: string): void {
  process.stderr.write(`${text}\n`);
}
