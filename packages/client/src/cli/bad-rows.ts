import type { Violation } from "@org/kit/client";
import type { Output } from "./output.ts";
import { printable } from "./printable.ts";

/** What is wrong with a row of a file: a line for each thing, or for programs one object. */
export function reportRow(
  output: Output,
  file: string,
  line: number,
  violations: readonly Violation[],
): string {
  if (output.json) {
    const wrong = violations.map(({ field, description }) => ({ field, description }));
    return JSON.stringify({ file, line, violations: wrong });
  }
  const where = output.messageColors.red(`${printable(file)}:${line}:`);
  const all = violations.length > 0 ? violations : [{ field: "row", description: "was rejected" }];
  return all
    .map(({ field, description }) => `${where} ${printable(field)} ${printable(description)}`)
    .join("\n");
}
