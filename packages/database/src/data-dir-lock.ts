import { readFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** SQLITE_BUSY. Source: https://www.sqlite.org/rescode.html */
const busy = 5;

/** A data folder that another process is using. */
export class DataDirInUseError extends Error {
  static {
    DataDirInUseError.prototype.name = "DataDirInUseError";
  }

  constructor(dataDir: string, owner: string) {
    super(
      `the embedded database in ${dataDir} is in use by ${owner}: ` +
        "stop that process, or set DATA_DIR to another folder, or DATABASE_URL to a server",
    );
  }
}

/** A lock that the garbage collector found would be no lock any more. */
const held = new Set<DatabaseSync>();

/**
 * Makes this process the only owner of a data folder, until the returned function is called or the
 * process ends, however it ends. Two processes on one folder would corrupt it without a word.
 *
 * The lock is the operating system's, on an empty file; Node has none of its own, but SQLite takes
 * one. So none outlives its process, and it also keeps out a process in another container, for which
 * a PID would mean nothing.
 *
 * Throws a {@link DataDirInUseError} where another process that is alive owns it.
 */
export async function lockDataDir(dataDir: string): Promise<() => void> {
  await mkdir(dataDir, { recursive: true });
  const ownerFile = join(dataDir, "owner.pid");
  const lock = new DatabaseSync(join(dataDir, "lock"));
  try {
    lock.exec("begin exclusive");
  } catch (error) {
    lock.close();
    throw isBusy(error) ? new DataDirInUseError(dataDir, readOwner(ownerFile)) : error;
  }
  held.add(lock);
  // For the message alone: what it holds decides nothing.
  writeFileSync(ownerFile, String(process.pid));
  return () => {
    held.delete(lock);
    lock.close();
  };
}

function readOwner(file: string): string {
  try {
    const pid = Number.parseInt(readFileSync(file, "utf8"), 10);
    return Number.isNaN(pid) ? "another process" : `process ${pid}`;
  } catch {
    return "another process";
  }
}

function isBusy(error: unknown): boolean {
  return (
    typeof error === "object" && error !== null && "errcode" in error && error.errcode === busy
  );
}
