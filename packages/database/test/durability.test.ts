import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { openDatabase } from "../src/index.ts";
import { startChild } from "./child-process.ts";

test("the embedded database keeps all it acknowledged, and no half of it, when its process is killed", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "durability-"));
  try {
    const acknowledged: number[] = [];
    const child = startChild("./writer-child.ts", [dataDir]);
    while (acknowledged.length < 200) acknowledged.push(Number(await child.next()));
    await child.kill();
    acknowledged.push(...child.rest().map(Number));

    const database = await openDatabase({
      name: "pairs",
      config: { DATA_DIR: dataDir, EMBEDDED_DATABASE: false },
      migrations: { "0001_pairs": { up: () => Promise.reject(new Error("ran twice")) } },
    });
    const rows = await database.query<{ n: number }>({ text: "select n from pairs" });
    await database.close();
    const written = new Set(rows.map(({ n }) => n));
    expect(acknowledged.filter((n) => !written.has(n))).toEqual([]);
    expect([...written].filter((n) => !written.has(-n))).toEqual([]);
    // What was written and not acknowledged is the last pair at most.
    expect(written.size / 2 - acknowledged.length).toBeLessThanOrEqual(1);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}, 60_000);
