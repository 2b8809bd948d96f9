/**
 * Runs the suites that take minutes and those with a figure in docs/reliability.md, one after the other, and
 * writes the figures there: `pnpm conformance`. With names (`pnpm conformance replica-killed`) only those of the
 * long ones, whose figures are printed only.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { root, run } from "./run.ts";

/** The quick suites that report figures, too. */
const quick = [
  ...["authentication", "clock-skew", "drain", "tls", "interop"],
  ...["hostile/malformed", "hostile/message-limits"],
];

const figure = z.object({ what: z.string(), must: z.string(), measured: z.string() });

const names = process.argv.slice(2);
const scratch = await mkdtemp(join(tmpdir(), "figures-"));
const file = join(scratch, "figures.jsonl");
try {
  await writeFile(file, "");
  const slowPassed = await jest(["--config", "conformance/jest.config.js", ...names]);
  const quickPassed =
    names.length > 0 ||
    (await jest(["--runInBand", ...quick.map((name) => `conformance/${name}\\.test\\.ts$`)]));
  if (!slowPassed || !quickPassed) process.exitCode = 1;
  else if (names.length === 0) await keep(await readFigures());
} finally {
  await rm(scratch, { recursive: true, force: true });
}

async function jest(args: readonly string[]): Promise<boolean> {
  const { code } = await run(process.execPath, ["--run", "test:unit", "--", ...args], {
    inherit: true,
    env: { CONFORMANCE_FIGURES: file },
  });
  return code === 0;
}

async function readFigures(): Promise<z.infer<typeof figure>[]> {
  const lines = (await readFile(file, "utf8")).trim().split("\n");
  return lines.map((line) => figure.parse(JSON.parse(line)));
}

/** Replaces the table between the marks. */
async function keep(figures: readonly z.infer<typeof figure>[]): Promise<void> {
  const document = join(root, "docs/reliability.md");
  const text = await readFile(document, "utf8");
  const [before, rest] = text.split("<!-- figures -->\n");
  const after = rest?.split("<!-- end of figures -->")[1];
  if (before === undefined || after === undefined) {
    throw new Error(`${document} has no marks for the figures`);
  }
  const rows = figures.map(({ what, must, measured }) => `| ${what} | ${must} | ${measured} |`);
  const date = new Date().toISOString().slice(0, 10);
  const table = [
    "<!-- figures -->",
    "| what is done | what must hold | measured |",
    "|---|---|---|",
    ...rows,
    "",
    `Measured on ${date} with Node ${process.versions.node} on ${availableParallelism()} cores.`,
    "<!-- end of figures -->",
  ].join("\n");
  await writeFile(document, `${before}${table}${after}`);
  console.log(`The figures are in ${document}.`);
}
