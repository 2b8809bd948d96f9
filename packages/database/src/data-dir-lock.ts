import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const lockName = "owner.json";

const ownerSchema: z.ZodType<Owner> = z.object({
  pid: z.number().int(),
  startedAt: z.string(),
  token: z.string(),
});

interface Owner {
  readonly pid: number;
  /** When the process started, as the system says it: a PID alone may be another process's by now. */
  readonly startedAt: string;
  readonly token: string;
}

/** A data folder that another process is using. */
export class DataDirInUseError extends Error {
  static {
    DataDirInUseError.prototype.name = "DataDirInUseError";
  }

  constructor(dataDir: string, pid: number) {
    super(
      `the embedded database in ${dataDir} is in use by process ${pid}: ` +
        "stop that process, or set DATA_DIR to another folder, or DATABASE_URL to a server",
    );
  }
}

/**
 * Makes this process the only owner of a data folder, until the returned function is called or the
 * process ends, however it ends. Two processes on one folder would corrupt it without a word.
 *
 * Throws a {@link DataDirInUseError} where another process that is alive owns it.
 */
export async function lockDataDir(dataDir: string): Promise<() => Promise<void>> {
  await mkdir(dataDir, { recursive: true });
  const file = join(dataDir, lockName);
  const self: Owner = { pid: process.pid, startedAt: startOf(process.pid), token: randomUUID() };
  for (;;) {
    try {
      await writeFile(file, JSON.stringify(self), { flag: "wx" });
      return () => rm(file, { force: true });
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
    const owner = await readOwner(file);
    if (owner !== undefined && isAlive(owner)) throw new DataDirInUseError(dataDir, owner.pid);
    await removeStale(file, owner?.token);
  }
}

/** Removes a dead owner's file, and only that: a live one may have taken its place since it was read. */
async function removeStale(file: string, token: string | undefined): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    throw error;
  }
  const taken = await readOwner(aside);
  if (taken !== undefined && taken.token !== token) await link(aside, file);
  await rm(aside, { force: true });
}

async function readOwner(file: string): Promise<Owner | undefined> {
  try {
    return ownerSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch {
    // Gone, or cut short by the death of whoever wrote it.
    return undefined;
  }
}

function isAlive({ pid, startedAt }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    if (!isErrno(error, "EPERM")) return false;
  }
  return startOf(pid) === startedAt;
}

/** When a process started, in clock ticks since boot; empty where the system has no /proc. */
function startOf(pid: number): string {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return "";
  // The second field is the command in parentheses, which may hold spaces; the start is the 22nd.
  const stat = readFileSync(file, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
