import { pipeline, Readable } from "node:stream";
import { type CsvError, parse, type Parser } from "csv-parse";
import { type BadRow, badRow, maxRowLength, type Row } from "./row.ts";
import { UsageError } from "./usage-error.ts";

/** What a parser emits with its options `raw` and `columns: false`. */
interface ParsedRecord {
  readonly raw: string;
  readonly record: readonly string[];
}

/**
 * Reads CSV (RFC 4180) with a first line that names the columns. A row with too few or too many
 * values is a bad one; a quote in the wrong place ends the reading, since nobody knows which row it
 * belongs to. Throws a UsageError where the columns are not those that are known.
 */
export async function* csvRows(
  name: string,
  text: AsyncIterable<string>,
  known: readonly string[],
): AsyncGenerator<Row | BadRow, void> {
  let fault: CsvError | undefined;
  const parser: Parser = parse({
    raw: true,
    record_delimiter: ["\r\n", "\n", "\r"],
    skip_empty_lines: true,
    // Told by each row itself, so that it does not end the reading.
    relax_column_count: true,
    max_record_size: maxRowLength,
    // An error would take the rows with it that were read before.
    skip_records_with_error: true,
    on_skip: (error) => {
      fault ??= error;
      return undefined;
    },
  });
  const untilFault = async function* (): AsyncGenerator<string, void> {
    for await (const chunk of text) {
      yield chunk;
      if (fault !== undefined) return;
    }
  };
  // What fails, fails the parser, and is thrown by the loop below.
  pipeline(Readable.from(untilFault()), parser, () => undefined);

  let columns: readonly string[] | undefined;
  let lines = 0;
  let count = 0;
  const records: AsyncIterable<ParsedRecord> = parser;
  for await (const { raw, record } of records) {
    if (fault?.["records"] === count) break;
    count += 1;
    // The parser's own count is wrong after a quoted CRLF.
    const line = lines + 1 + linesIn(/^[\r\n]*/.exec(raw)?.[0] ?? "");
    lines += linesIn(raw);
    if (columns === undefined) columns = checkColumns(name, record, known);
    else yield toRow(line, columns, record);
  }
  if (fault !== undefined) {
    const problem = problemOf(fault);
    if (columns === undefined) throw new UsageError(`${name}: its first line ${problem}`);
    yield badRow(lines + 1, "row", `${problem}; nothing after it was read`);
  }
  if (columns === undefined) {
    throw new UsageError(`${name} is empty: its first line must name the columns`);
  }
}

function toRow(line: number, columns: readonly string[], record: readonly string[]): Row | BadRow {
  if (record.length !== columns.length) {
    return badRow(line, "row", `must have ${columns.length} values, has ${record.length}`);
  }
  return { line, values: new Map(columns.map((column, index) => [column, record[index]])) };
}

function checkColumns(
  name: string,
  record: readonly string[],
  known: readonly string[],
): readonly string[] {
  const columns = record.map((column) => column.trim());
  const unknown = columns.find((column) => !known.includes(column));
  if (unknown !== undefined) {
    throw new UsageError(
      `${name} has an unknown column ${JSON.stringify(unknown)}: there are ${known.join(", ")}`,
    );
  }
  const twice = columns.find((column, index) => columns.indexOf(column) !== index);
  if (twice !== undefined) throw new UsageError(`${name} has the column "${twice}" twice`);
  return columns;
}

function linesIn(raw: string): number {
  return raw.match(/\r\n|\n|\r/g)?.length ?? 0;
}

function problemOf({ code, column }: CsvError): string {
  const where = typeof column === "number" ? ` (value ${column + 1})` : "";
  switch (code) {
    case "CSV_QUOTE_NOT_CLOSED":
      return `opens a quote that is never closed${where}`;
    case "CSV_INVALID_CLOSING_QUOTE":
      return `goes on after a closing quote${where}: a quote inside a quoted value is doubled`;
    case "INVALID_OPENING_QUOTE":
      return `has a quote inside a value that is not quoted${where}`;
    case "CSV_MAX_RECORD_SIZE":
      return `is longer than ${maxRowLength} characters`;
    default:
      return `is no CSV (${code})`;
  }
}
