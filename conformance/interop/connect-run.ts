import { join } from "node:path";
import { root, runTool } from "../support/run-tool.ts";
import { isKnown, type KnownFailure, readKnownFailures } from "./known-failures.ts";

/** Which of our programs is tested. */
export type Role = "client" | "server";

/** What became of one case, in one of its permutations. */
export interface Outcome {
  /** The case: the suite's name and its own. */
  readonly title: string;
  /** The whole name, as the list of known failures has it. */
  readonly name: string;
  readonly outcome: "passed" | "failed" | "known failure";
  /** Why it failed. */
  readonly reason: string;
}

/** What the runner has said. */
export interface ConnectRun {
  readonly outcomes: readonly Outcome[];
  /** Whether the runner is content. */
  readonly isOk: boolean;
  /** Its last lines, and what it says of itself. */
  readonly summary: string;
}

/** Runs all cases that apply to a client or a server. */
export async function runConnect(
  role: Role,
  { program, messages }: { readonly program: string; readonly messages: string },
): Promise<ConnectRun> {
  const file = (name: string): string => join(import.meta.dirname, name);
  const failing = file(`connect-${role}.known-failing.txt`);
  const flaky = file(`connect-${role}.known-flaky.txt`);
  const { code, stdout, stderr } = await runTool(
    program,
    [
      ...["--mode", role, "--vv"],
      ...["--conf", file("connect-conformance.yaml")],
      ...["--known-failing", `@${failing}`, "--known-flaky", `@${flaky}`],
      ...["--", process.execPath, file(`connect-${role}-main.ts`), messages],
    ],
    { cwd: root },
  );
  const lists = await Promise.all([failing, flaky].map(readKnownFailures));
  return {
    outcomes: outcomesIn(stdout, lists.flat()),
    isOk: code === 0,
    summary: `${/^Total cases:[^]*/m.exec(stdout)?.[0] ?? stdout}${stderr}`.trim(),
  };
}

const line = {
  sent: /^Sending request for "(?<name>.+)"\.\.\.$/,
  failed: /^FAILED: (?<name>.+?)(?<stale> was expected to fail but did not|:)$/,
  expected: /^INFO: (?<name>.+) failed \(as expected\):$/,
};

/** A case that is sent and not named again has passed. One that fails in another way than is known has failed. */
function outcomesIn(output: string, known: readonly KnownFailure[]): Outcome[] {
  const outcomes = new Map<string, Outcome>();
  const set = (name: string, outcome: Outcome["outcome"], reason: string): void => {
    outcomes.set(name, { name, title: titleOf(name), outcome, reason });
  };
  const lines = output.split("\n");
  for (const [index, text] of lines.entries()) {
    const sent = line.sent.exec(text)?.groups?.["name"];
    const failed = line.failed.exec(text)?.groups;
    const expected = line.expected.exec(text)?.groups?.["name"];
    if (sent !== undefined) set(sent, "passed", "");
    if (expected !== undefined) {
      const reason = indentedAfter(lines, index);
      set(
        expected,
        isKnown({ name: expected, reason }, known) ? "known failure" : "failed",
        reason,
      );
    }
    if (failed?.["name"] !== undefined) {
      const isStale = failed["stale"] !== ":";
      set(failed["name"], "failed", isStale ? text : indentedAfter(lines, index));
    }
  }
  return [...outcomes.values()];
}

function indentedAfter(lines: readonly string[], index: number): string {
  const rest = lines.slice(index + 1);
  const end = rest.findIndex((each) => !each.startsWith("\t"));
  return rest.slice(0, end).join("\n");
}

/** The name without what is permuted, such as `TLS:true` and `(grpc server impl)`. */
function titleOf(name: string): string {
  return name
    .split("/")
    .filter((part) => !/^[A-Za-z]+:|^\(/.test(part))
    .join("/");
}
