import type { Writable } from "node:stream";
import { MultiBar } from "cli-progress";
import { printable } from "./printable.ts";

/** What an import shows of its progress. */
export interface Progress {
  /** This much has been read, and so many rows are done. */
  update(readBytes: number, rows: number): void;
  /** Writes a line above the progress, where it stays. */
  message(text: string): void;
  /** Takes the progress away. */
  stop(): void;
}

/** What a progress is about. */
export interface ProgressOptions {
  /** The terminal to show it on; nothing is shown where there is none. */
  readonly stream: Writable | undefined;
  /** What is read. */
  readonly name: string;
  /** How many bytes there are to read; undefined where nobody knows. */
  readonly totalBytes: number | undefined;
  /** Writes a line where no progress is shown. */
  readonly message: (text: string) => void;
}

/** Shows how far an import is, on a terminal: as a bar, or where the total is not known as a count. */
export function showProgress({ stream, name, totalBytes, message }: ProgressOptions): Progress {
  if (stream === undefined) {
    return { update: () => undefined, message, stop: () => undefined };
  }
  const counts = totalBytes === undefined ? "" : " {bar} {percentage}%";
  const bars = new MultiBar({
    stream,
    format: `{name}${counts} {rows} rows`,
    barsize: 30,
    clearOnComplete: true,
    // False would change the terminal's settings, for good where the process is killed.
    linewrap: true,
    // Ctrl-C ends the import, which stops the bar.
    gracefulExit: false,
  });
  const bar = bars.create(totalBytes ?? 0, 0, { name: printable(name), rows: 0 });
  return {
    update: (readBytes, rows) => bar.update(readBytes, { rows }),
    message: (text) => {
      bars.log(`${text}\n`);
    },
    stop: () => {
      // Writes the messages that still wait.
      bars.update();
      bars.stop();
    },
  };
}
