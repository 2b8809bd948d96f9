/**
 * What Buf does not look at: whether a contract's policies and rules allow callers less than those
 * of an earlier one. Buf compares what messages look like.
 */
import type { FileRegistry } from "@bufbuild/protobuf";
import type { Finding } from "./contract-finding.ts";
import { narrowerMessages } from "./message-narrowing.ts";
import { lessIdempotentMethods, narrowerPolicies } from "./method-narrowing.ts";

/** What became of a comparison. */
export interface PolicyComparison {
  readonly findings: readonly Finding[];
  /** What was not compared, and why, as sentences. */
  readonly notes: readonly string[];
}

/**
 * Compares policies and rules. A base that does not know the options at all promised nothing by
 * them, so that a contract can adopt them; from then on, what is added to something that exists
 * narrows it.
 */
export function comparePolicies(base: FileRegistry, current: FileRegistry): PolicyComparison {
  const findings = lessIdempotentMethods(base, current);
  const notes: string[] = [];
  for (const { file, what, compare } of [
    { file: "org/contract/v1/options.proto", what: "policies", compare: narrowerPolicies },
    { file: "buf/validate/validate.proto", what: "rules of fields", compare: narrowerMessages },
  ]) {
    if (base.getFile(file) !== undefined) findings.push(...compare(base, current));
    else if (current.getFile(file) !== undefined) {
      notes.push(`The base has no ${what} (${file}): those of now narrow nothing.`);
    }
  }
  return { findings, notes };
}
