import { extname } from "node:path";
import { csvRows } from "./csv-rows.ts";
import { type Input, type InputContext, openInput } from "./input.ts";
import { ndjsonRows } from "./ndjson-rows.ts";
import type { BadRow, Row } from "./row.ts";
import { UsageError } from "./usage-error.ts";

/** The forms that a file to import can have. */
export const importFormats = ["csv", "ndjson"] as const;
export type ImportFormat = (typeof importFormats)[number];

const formatOfExtension: Readonly<Record<string, ImportFormat>> = {
  ".csv": "csv",
  ".ndjson": "ndjson",
  ".jsonl": "ndjson",
};

/** A file to import, and how its rows are read. */
export interface ImportFile {
  readonly input: Input;
  readonly format: ImportFormat;
  /** How much of it has been read. */
  readBytes(): number;
  /** Its rows; those that cannot be read among them. */
  rows(): AsyncGenerator<Row | BadRow, void>;
}

/** Which file to import. */
export interface ImportFileOptions {
  /** A path, or `-` for the standard input. */
  readonly path: string;
  /** Its form; by the path's extension where it is not given. */
  readonly format: ImportFormat | undefined;
  readonly context: InputContext;
  /** The columns that CSV can have. */
  readonly columns: readonly string[];
  /** The keys that NDJSON can have besides the columns. */
  readonly keys: readonly string[];
}

/** Opens a file to import. Throws a UsageError where it cannot be read, or its form is not known. */
export async function openImport(options: ImportFileOptions): Promise<ImportFile> {
  const { path, context, columns, keys } = options;
  const format = options.format ?? formatOfExtension[extname(path).toLowerCase()];
  if (format === undefined) {
    const what = path === "-" ? "the standard input" : JSON.stringify(path);
    throw new UsageError(`the form of ${what} is not known: add --format csv or --format ndjson`);
  }
  const input = await openInput(path, context);
  let readBytes = 0;
  const text = (): AsyncGenerator<string, void> => input.text((count) => (readBytes += count));
  return {
    input,
    format,
    readBytes: () => readBytes,
    rows: () =>
      format === "csv"
        ? csvRows(input.name, text(), columns)
        : ndjsonRows(text(), [...columns, ...keys]),
  };
}
