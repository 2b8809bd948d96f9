import { appendFileSync } from "node:fs";

/** What a suite found. */
export interface Figure {
  /** What was done, as docs/reliability.md has it. */
  readonly what: string;
  /** What must hold. */
  readonly must: string;
  /** What was measured. */
  readonly measured: string;
}

/** Prints a figure, and keeps it where `pnpm conformance` makes the table of. */
export function report(figure: Figure): void {
  process.stdout.write(`${figure.what}: ${figure.measured} (must: ${figure.must})\n`);
  const file = process.env["CONFORMANCE_FIGURES"];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(figure)}\n`);
}
