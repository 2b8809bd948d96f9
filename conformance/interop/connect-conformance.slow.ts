/**
 * Do our server and our client behave as the gRPC protocol has it, by the conformance suite of Connect? Its runner is
 * written in Go, with clients and servers on connect-go and grpc-go.
 */
import { describe, expect, test } from "@jest/globals";
import { report } from "../support/figures.ts";
import { type ConnectRun, type Outcome, type Role, runConnect } from "./connect-run.ts";
import { connectRunner } from "./connect-runner.ts";

/** How many cases of gRPC the suite has for each: fewer would mean that some were not run. */
const cases = { server: 570, client: 646 };

// The first time, this downloads and builds the runner; the cases themselves take seconds: no test's time.
const runner = await connectRunner();
const missing =
  "missing" in runner ? `no runner of Connect's conformance suite: ${runner.missing}` : "";
if (missing !== "") console.warn(missing);

const roles = ["server", "client"] as const;
const runs = new Map<Role, ConnectRun>();
for (const role of roles) {
  if ("program" in runner) runs.set(role, await runConnect(role, runner));
}

for (const role of roles) {
  const run = runs.get(role);
  if (run === undefined) {
    // A laptop may do without Go, and sees that these were skipped; what CI has to run may not.
    const testWithGo = process.env["CI"] === "true" ? test : test.skip;
    testWithGo(`our ${role}`, () => {
      throw new Error(missing);
    });
    continue;
  }
  describe(`our ${role}`, () => {
    test.each(byTitle(run.outcomes))("$title: $passed passed, $known known", ({ failures }) => {
      expect(failures).toEqual([]);
    });

    test("all cases were run, and the runner is content", () => {
      const { outcomes, isOk, summary } = run;
      const passed = outcomes.filter(({ outcome }) => outcome === "passed").length;
      const known = outcomes.filter(({ outcome }) => outcome === "known failure").length;
      report({
        what: `connectrpc conformance, our ${role}`,
        must: "every applicable case passes",
        measured: `${passed} of ${outcomes.length}, ${known} known failures`,
      });
      expect({ cases: outcomes.length, isOk, summary }).toEqual({
        cases: cases[role],
        isOk: true,
        summary: expect.stringContaining(`Total cases: ${cases[role]}\n${passed} passed, 0 failed`),
      });
    });
  });
}

/** The cases, each with all its permutations. */
function byTitle(outcomes: readonly Outcome[]): {
  readonly title: string;
  readonly passed: number;
  readonly known: number;
  readonly failures: readonly string[];
}[] {
  return [...Map.groupBy(outcomes, ({ title }) => title)]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([title, all]) => ({
      title,
      passed: all.filter(({ outcome }) => outcome === "passed").length,
      known: all.filter(({ outcome }) => outcome === "known failure").length,
      failures: all
        .filter(({ outcome }) => outcome === "failed")
        .map(({ name, reason }) => `${name}\n${reason}`),
    }));
}
