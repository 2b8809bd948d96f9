import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { DataDirInUseError, lockDataDir } from "../src/data-dir-lock.ts";
import { type Child, startChild } from "./child-process.ts";

let dataDir: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "lock-"));
});

afterEach(() => rm(dataDir, { recursive: true, force: true }));

test("a folder that another process uses is refused, with that process's id and what to do", async () => {
  await using owner = await startLockChild();
  expect(await lockIn(owner)).toBe("locked");

  const refusal = lockDataDir(dataDir);
  await expect(refusal).rejects.toBeInstanceOf(DataDirInUseError);
  await expect(refusal).rejects.toThrow(
    `the embedded database in ${dataDir} is in use by process ${owner.pid}: ` +
      "stop that process, or set DATA_DIR to another folder, or DATABASE_URL to a server",
  );
});

test("a folder that this process uses already is refused as well", async () => {
  const unlock = await lockDataDir(dataDir);
  await expect(lockDataDir(dataDir)).rejects.toThrow(`is in use by process ${process.pid}:`);
  unlock();
});

test("a folder that was given back is free", async () => {
  const unlock = await lockDataDir(dataDir);
  unlock();
  await using child = await startLockChild();
  expect(await lockIn(child)).toBe("locked");
});

test("a refused process does not disturb the owner", async () => {
  await using owner = await startLockChild();
  await lockIn(owner);
  await expect(lockDataDir(dataDir)).rejects.toThrow(DataDirInUseError);
  await expect(lockDataDir(dataDir)).rejects.toThrow(`process ${owner.pid}:`);
});

test("kill -9 frees the folder at once", async () => {
  await using owner = await startLockChild();
  await lockIn(owner);
  await owner.kill();
  const unlock = await lockDataDir(dataDir);
  await expect(lockDataDir(dataDir)).rejects.toThrow(`process ${process.pid}:`);
  unlock();
});

test.each([
  ["names a process that lives", String(process.ppid)],
  ["was cut short", ""],
  ["holds nonsense", "{"],
])("a file left behind that %s locks nothing", async (_, content) => {
  await writeFile(join(dataDir, "lock"), "");
  await writeFile(join(dataDir, "owner.pid"), content);
  const unlock = await lockDataDir(dataDir);
  await expect(lockDataDir(dataDir)).rejects.toThrow(`is in use by process ${process.pid}:`);
  unlock();
});

test("of many processes that race for what a dead one left, exactly one wins", async () => {
  await using dead = await startLockChild();
  await lockIn(dead);
  await dead.kill();

  const children = await Promise.all(Array.from({ length: 6 }, startLockChild));
  try {
    const outcomes = await Promise.all(children.map(lockIn));
    const refusals = outcomes.filter((outcome) => outcome !== "locked");
    expect(refusals).toEqual(Array(5).fill(expect.stringMatching(/^DataDirInUseError: /)));
  } finally {
    await Promise.all(children.map((child) => child.kill()));
  }
});

/** Starts a process that can lock folders. */
async function startLockChild(): Promise<Child> {
  const child = startChild("./lock-child.ts");
  expect(await child.next()).toBe("ready");
  return child;
}

/** Lets a process lock the folder; how that went. */
function lockIn(child: Child): Promise<unknown> {
  child.send(dataDir);
  return child.next();
}
