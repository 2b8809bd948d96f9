/**
 * Runs every check there is, as `npm test` and CI do, and goes on after one has failed. The last
 * line it prints counts each test as one, and each other step as one.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate } from "./generate.ts";
import { root, run } from "./run.ts";

/** Scripts of package.json that take seconds and do not depend on each other. */
const quick = [
  "format",
  "lint",
  "lint:proto",
  "lint:workflows",
  "contract:breaking",
  "typecheck",
] as const;

/** How one step went. */
interface Outcome {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const outcomes: Outcome[] = [
  await step("generate", async () => {
    await generate();
    return undefined;
  }),
];
outcomes.push(
  ...(await Promise.all(quick.map((name) => step(name, () => problemOf(name))))),
  await unitTests(),
);

const passed = total("passed");
const failed = total("failed");
const skipped = total("skipped");
process.exitCode = failed === 0 ? 0 : 1;
const culprits = outcomes.filter((outcome) => outcome.failed > 0).map(({ name }) => name);
console.log(culprits.length === 0 ? "\nEverything passed." : `\nFailed: ${culprits.join(", ")}`);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);

function total(kind: "passed" | "failed" | "skipped"): number {
  return outcomes.reduce((sum, outcome) => sum + outcome[kind], 0);
}

/**
 * Runs one step, and prints how it went. It failed if `problem` resolves to a text, or rejects:
 * that says why.
 */
async function step(name: string, problem: () => Promise<string | undefined>): Promise<Outcome> {
  const start = performance.now();
  const found = await problem().catch((error: unknown) => String(error));
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  if (found === undefined) {
    console.log(`✓ ${name}  ${seconds} s`);
    return { name, passed: 1, failed: 0, skipped: 0 };
  }
  console.log(`✗ ${name}  ${seconds} s\n${found.trimEnd()}\n`);
  return { name, passed: 0, failed: 1, skipped: 0 };
}

/** What a script of package.json prints, if it fails. */
async function problemOf(script: string): Promise<string | undefined> {
  const { code, stdout, stderr } = await run(process.execPath, ["--run", script]);
  return code === 0 ? undefined : `${stdout}${stderr}`;
}

/** Runs the tests in view, and counts them. */
async function unitTests(): Promise<Outcome> {
  const scratch = await mkdtemp(join(tmpdir(), "check-"));
  try {
    const file = join(scratch, "jest.json");
    const { code } = await run(
      process.execPath,
      ["--run", "test:unit", "--", "--ci", "--json", `--outputFile=${file}`],
      // The tests start hundreds of processes: what one of them has compiled, the others need not.
      { inherit: true, env: { NODE_COMPILE_CACHE: join(root, "node_modules/.cache/compiled") } },
    );
    const report: unknown = await readFile(file, "utf8").then(JSON.parse, () => undefined);
    const counts = {
      name: "test:unit",
      passed: numberAt(report, "numPassedTests"),
      // A suite that does not even start has no tests to count.
      failed: numberAt(report, "numFailedTests") + numberAt(report, "numRuntimeErrorTestSuites"),
      skipped: numberAt(report, "numPendingTests") + numberAt(report, "numTodoTests"),
    };
    const vacuous = counts.passed + counts.failed === 0;
    if (vacuous) console.log("✗ test:unit  no test ran");
    // Jest can fail for more than tests, and then must not be counted as passed.
    const unexplained = code !== 0 && counts.failed === 0;
    return vacuous || unexplained ? { ...counts, failed: 1 } : counts;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function numberAt(report: unknown, key: string): number {
  if (typeof report !== "object" || report === null) return 0;
  const value: unknown = Reflect.get(report, key);
  return typeof value === "number" ? value : 0;
}
