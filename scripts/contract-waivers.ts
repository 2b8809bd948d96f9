/** Approved breaks of the contract. Each lets one rule's findings about one element pass, until a day. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { z } from "zod";
import type { Finding } from "./contract-finding.ts";
import { root } from "./run.ts";

/** Where the waivers are, in the repository. */
export const waiversFile = "contract-waivers.yaml";

/** An approved break. */
export interface Waiver {
  /** The rule and the element, as the finding has them. */
  readonly rule: string;
  readonly element: string;
  /** Who answers for it. */
  readonly owner: string;
  readonly reason: string;
  /** The last day on which it counts, as YYYY-MM-DD. */
  readonly expires: string;
}

/** What zod would say in its own words. */
function given(otherwise: string): { error: (issue: { input?: unknown }) => string } {
  return { error: ({ input }) => (input === undefined ? "is missing" : otherwise) };
}

const text = z.string(given("must be a text")).trim().min(1, "must not be empty");

const waiver: z.ZodType<Waiver> = z.strictObject({
  rule: z
    .string(given("must be a text"))
    .regex(/^[A-Z][A-Z0-9_]*$/, "must be the rule of a finding, in UPPER_SNAKE_CASE"),
  element: z.string(given("must be a text")).regex(/^\S+$/, "must be the element of a finding"),
  owner: text,
  reason: text,
  expires: z.iso.date(given("must be a day, as YYYY-MM-DD")),
});

const document = z.strictObject({ waivers: z.array(waiver, given("must be a list")) });

/** What findings and waivers make of each other. */
export interface Waived {
  /** What no waiver covers. */
  readonly refused: readonly Finding[];
  readonly waived: readonly (readonly [Finding, Waiver])[];
  /** The waivers that are valid, and that nothing needs. */
  readonly unused: readonly Waiver[];
  /** The waivers that are no longer valid. They cover nothing. */
  readonly expired: readonly Waiver[];
}

/** Today, as waivers have days. They begin and end by UTC, for everyone at once. */
export function today(): string {
  return new Date().toISOString().slice(0, 10);
}

/** Reads the repository's waivers; without the file, there are none. */
export async function readWaivers(day: string): Promise<Waiver[]> {
  const path = join(root, waiversFile);
  const source = await readFile(path, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  return source === undefined ? [] : parseWaivers(source, day);
}

/** Reads waivers. Throws an error that names everything that is wrong, each with its entry and key. */
export function parseWaivers(source: string, day: string): Waiver[] {
  const yaml = parseDocument(source);
  const broken = [...yaml.errors, ...yaml.warnings].map(({ message }) => message.trim());
  if (broken.length > 0) throw wrong(broken);
  const parsed = document.safeParse(yaml.toJS());
  if (!parsed.success) {
    throw wrong(
      parsed.error.issues.flatMap((issue) => {
        const keys = issue.code === "unrecognized_keys" ? issue.keys : [undefined];
        return keys.map((key) => {
          const path = key === undefined ? issue.path : [...issue.path, key];
          return `${showPath(path)}: ${key === undefined ? issue.message : "is not a key"}`;
        });
      }),
    );
  }
  const { waivers } = parsed.data;
  const latest = `${Number(day.slice(0, 4)) + 1}${day.slice(4)}`;
  const problems = waivers.flatMap((each, index) => {
    const entry = `waivers[${index}]`;
    const first = waivers.findIndex((other) => covers(other, each));
    return [
      ...(each.expires > latest
        ? [`${entry}.expires: must be within a year, by ${latest}, but is ${each.expires}`]
        : []),
      ...(first < index ? [`${entry}: has the rule and element of waivers[${first}]`] : []),
    ];
  });
  if (problems.length > 0) throw wrong(problems);
  return waivers;
}

/** Tells the findings that are approved from those that are not. */
export function applyWaivers(
  findings: readonly Finding[],
  waivers: readonly Waiver[],
  day: string,
): Waived {
  const valid = waivers.filter(({ expires }) => expires >= day);
  const refused: Finding[] = [];
  const waived: [Finding, Waiver][] = [];
  for (const finding of findings) {
    const found = valid.find((each) => covers(each, finding));
    if (found === undefined) refused.push(finding);
    else waived.push([finding, found]);
  }
  const used = new Set(waived.map(([, each]) => each));
  return {
    refused,
    waived,
    unused: valid.filter((each) => !used.has(each)),
    expired: waivers.filter(({ expires }) => expires < day),
  };
}

function covers(approved: Waiver, { rule, element }: Pick<Finding, "rule" | "element">): boolean {
  return approved.rule === rule && approved.element === element;
}

function wrong(problems: readonly string[]): Error {
  return new Error(problems.map((problem) => `${waiversFile}: ${problem}`).join("\n"));
}

/** `waivers[0].owner` */
function showPath(path: readonly PropertyKey[]): string {
  const shown = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`));
  return shown.join("").replace(/^\./, "") || "the document";
}
