import { statSync } from "node:fs";
import { stat } from "node:fs/promises";

/** How often it is looked whether files have changed, in milliseconds. */
const fileIntervalMs = 1_000;

/** What files are watched for. */
export interface WatchedFilesOptions<T> {
  /** The files that belong together. */
  readonly files: readonly string[];
  /** Makes the value of their content. What it throws names the file that is wrong. */
  readonly load: () => T;
  /** Told once of each new reason why changed files cannot be used. */
  readonly onProblem: (error: unknown) => void;
}

/**
 * A value that is made of files, and made anew when they change. While they cannot be used, the last value
 * that could be made stays.
 */
export class WatchedFiles<T> {
  readonly #options: WatchedFilesOptions<T>;
  #value: T;
  /** What the files looked like when the value was made of them. */
  #stamp: string;
  #problem: string | undefined;

  /** Makes the value. Throws what `load` throws. */
  constructor(options: WatchedFilesOptions<T>) {
    this.#options = options;
    // Before they are read: what changes meanwhile is seen the next time.
    this.#stamp = options.files
      .map((file) => stampOf(statSync(file, { throwIfNoEntry: false })))
      .join();
    this.#value = options.load();
  }

  /** The value as of the last look. */
  get value(): T {
    return this.#value;
  }

  /** Looks every second from now on; `onLook` is told each time whether the value is a new one. It does not keep the process. */
  watch(onLook?: (isNew: boolean) => void): NodeJS.Timeout {
    let isLooking = false;
    return setInterval(() => {
      // A file system may take longer.
      if (isLooking) return;
      isLooking = true;
      void this.refresh().then((isNew) => {
        isLooking = false;
        onLook?.(isNew);
      });
    }, fileIntervalMs).unref();
  }

  /** Looks whether the files have changed. Resolves to whether the value is a new one. */
  async refresh(): Promise<boolean> {
    const { files, load, onProblem } = this.#options;
    // Of a file that is gone, `load` has better words.
    const stats = await Promise.all(files.map((file) => stat(file).catch(() => undefined)));
    const stamp = stats.map(stampOf).join();
    if (stamp === this.#stamp) {
      this.#problem = undefined;
      return false;
    }
    try {
      this.#value = load();
      this.#stamp = stamp;
      this.#problem = undefined;
      return true;
    } catch (error) {
      // The next look tries again: of files that are replaced one after the other, the first does not fit yet.
      const problem = String(error);
      if (problem !== this.#problem) onProblem(error);
      this.#problem = problem;
      return false;
    }
  }
}

interface FileStats {
  readonly mtimeMs: number;
  readonly size: number;
  readonly ino: number;
}

/** Changes with the content; a file that a link leads to has another inode. */
function stampOf(stats: FileStats | undefined): string {
  return stats === undefined ? "" : `${stats.mtimeMs}:${stats.size}:${stats.ino}`;
}
