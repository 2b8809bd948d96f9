import { inspect } from "node:util";
import { setFlagsFromString } from "node:v8";
import { GrantsFileError } from "./certificate-authentication.ts";
import { EnvironmentError } from "./environment.ts";
import { ListenError } from "./listen-error.ts";
import { TlsFileError } from "./tls-files.ts";
import { WorkerStartError } from "./worker-process.ts";

/**
 * Has V8 make all objects in its young generation. By default, those go straight to the old one that come from a place in
 * the code of which a hundred objects have survived one quick collection, however many have not (13.6; it is shown by
 * `--trace-pretenuring-statistics`). In a process with a hundred calls in flight, each call soon makes some there, and
 * what they refer to stays until a slow collection.
 */
const withoutPretenuring = "--no-allocation-site-pretenuring";

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
 * Runs the start of a program whose process is for calls: V8 no longer takes what these make for long-lived. Where the
 * start fails, the reason goes to the standard error and the process ends with 1. A wrong environment, an address that is
 * taken and files that are of no use are shown without their stack, and so is what a worker has said of its start.
 */
export async function runMain(
  start: () => Promise<unknown>,
  { operatorErrors = [], report = writeError }: RunMainOptions = {},
): Promise<void> {
  setFlagsFromString(withoutPretenuring);
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
