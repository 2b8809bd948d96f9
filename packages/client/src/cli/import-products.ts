import {
  type ImportProductsRequest,
  type ImportProductsResponse,
  ImportProductsResponse_Outcome as Outcome,
} from "@org/contracts/product/v1";
import type { Violation } from "@org/kit/client";
import { reportRow } from "./bad-rows.ts";
import { type ImportFile, type ImportFormat, openImport } from "./import-rows.ts";
import { productColumns, productKeysOfContract, toImportRequest } from "./product-rows.ts";
import { type Progress, showProgress } from "./progress.ts";
import type { Session } from "./session.ts";
import type { View } from "./table.ts";

/** How many rows had which outcome. */
interface Summary {
  created: number;
  updated: number;
  unchanged: number;
  deleted: number;
  rejected: number;
}

const outcomes: Readonly<Record<number, keyof Summary>> = {
  [Outcome.OUTCOME_CREATED]: "created",
  [Outcome.OUTCOME_UPDATED]: "updated",
  [Outcome.OUTCOME_UNCHANGED]: "unchanged",
  [Outcome.OUTCOME_DELETED]: "deleted",
  [Outcome.OUTCOME_REJECTED]: "rejected",
};

const summaryView: View<Summary> = {
  columns: (["created", "updated", "unchanged", "deleted", "rejected"] as const).map((name) => ({
    title: name.toUpperCase(),
    value: (summary) => String(summary[name]),
    align: "right",
  })),
  toJson: (summary) => summary,
};

/** Imports a file of products, row by row, while the answers to the rows before arrive. */
export async function importProducts(
  session: Session,
  path: string,
  format: ImportFormat | undefined,
): Promise<void> {
  const file = await openImport({
    path,
    format,
    context: session,
    columns: productColumns,
    keys: productKeysOfContract,
  });
  const { name, totalBytes } = file.input;
  const { output, progressStream: stream } = session;
  const message = (text: string): void => output.message(text);
  const progress = showProgress({ stream, name, totalBytes, message });
  const run = new ProductImport(session, file, progress);
  let complete = false;
  try {
    await session.call("products", async (products) => {
      for await (const answer of products.importProducts(run.requests(), session.callOptions)) {
        run.answered(answer);
      }
    });
    complete = true;
  } finally {
    // Where the call fails midway, too: what was answered is committed.
    progress.stop();
    if (run.summary.rejected > 0) session.exitCode = 1;
    if (run.rows > 0 || complete) await output.item(run.summary, summaryView);
  }
}

/** An import that is under way. */
class ProductImport {
  /** How many rows are done. */
  rows = 0;
  readonly summary: Summary = { created: 0, updated: 0, unchanged: 0, deleted: 0, rejected: 0 };
  readonly #session: Session;
  readonly #file: ImportFile;
  readonly #progress: Progress;

  constructor(session: Session, file: ImportFile, progress: Progress) {
    this.#session = session;
    this.#file = file;
    this.#progress = progress;
  }

  async *requests(): AsyncGenerator<ImportProductsRequest, void> {
    for await (const row of this.#file.rows()) {
      const request = "violations" in row ? row.violations : toImportRequest(row);
      if ("sequence" in request) yield request;
      else this.#reject(row.line, request);
    }
  }

  answered({ sequence, outcome, violations }: ImportProductsResponse): void {
    const name = outcomes[outcome];
    // A service that is newer than this program may know more.
    if (name === undefined || name === "rejected") this.#reject(Number(sequence), violations);
    else this.#done(name);
  }

  #reject(line: number, violations: readonly Violation[]): void {
    const text = reportRow(this.#session.output, this.#file.input.name, line, violations);
    this.#progress.message(text);
    this.#done("rejected");
  }

  #done(name: keyof Summary): void {
    this.summary[name] += 1;
    this.rows += 1;
    this.#progress.update(this.#file.readBytes(), this.rows);
  }
}
