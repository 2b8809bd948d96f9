import { readFile } from "node:fs/promises";

/** A pattern of cases that are known to fail, and with which words. */
export interface KnownFailure {
  readonly cases: RegExp;
  readonly reason: RegExp;
}

/**
 * Reads a list of known failures in the runner's syntax: one pattern a line. Each block of them begins with a comment
 * that says why they fail, and with `# expect:` a regular expression for what the runner has to say of each.
 * Throws where a pattern has none.
 */
export async function readKnownFailures(file: string): Promise<KnownFailure[]> {
  const failures: KnownFailure[] = [];
  let reason: RegExp | undefined;
  for (const line of (await readFile(file, "utf8")).split("\n")) {
    const expected = /^# expect: (?<reason>.+)$/.exec(line)?.groups?.["reason"];
    if (line === "") reason = undefined;
    else if (expected !== undefined) reason = new RegExp(`^${expected}$`);
    else if (!line.startsWith("#")) {
      if (reason === undefined) throw new Error(`${file} does not say why this fails: ${line}`);
      failures.push({ cases: toRegExp(line), reason });
    }
  }
  return failures;
}

/** In a pattern, `*` stands for one part of a name, `**` for any number of them. */
function toRegExp(pattern: string): RegExp {
  const parts = pattern.split("/").map((part) => {
    if (part === "**") return "(?:/[^/]+)*";
    return part === "*" ? "/[^/]+" : `/${part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")}`;
  });
  return new RegExp(`^${parts.join("")}$`);
}

/** Whether a case that has failed is known to fail in this way. */
export function isKnown(
  { name, reason }: { readonly name: string; readonly reason: string },
  failures: readonly KnownFailure[],
): boolean {
  const words = reason.replaceAll(/\s+/g, " ").trim();
  return failures.some((known) => known.cases.test(`/${name}`) && known.reason.test(words));
}
