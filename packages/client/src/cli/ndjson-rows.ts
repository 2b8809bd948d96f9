import { jsonProblem } from "./parse-json.ts";
import { type BadRow, badRow, maxRowLength, NumberText, type Row } from "./row.ts";

/** A line of a text, and its number counted from 1. */
export interface Line {
  readonly number: number;
  readonly text: string;
}

/** Reads NDJSON: one JSON object a line. Lines with nothing but space are passed over. */
export async function* ndjsonRows(
  text: AsyncIterable<string>,
  known: readonly string[],
): AsyncGenerator<Row | BadRow, void> {
  for await (const line of linesOf(text, maxRowLength)) {
    if (line.text.trim() !== "") yield toRow(line, known);
  }
}

/** The lines of a text. One that is longer than it may be comes cut, so that it cannot fill the memory. */
export async function* linesOf(
  text: AsyncIterable<string>,
  maxLength: number,
): AsyncGenerator<Line, void> {
  let number = 1;
  let rest = "";
  for await (const chunk of text) {
    const parts = chunk.split("\n");
    for (const [index, part] of parts.entries()) {
      if (rest.length <= maxLength) rest += part;
      if (index === parts.length - 1) break;
      yield { number, text: rest };
      number += 1;
      rest = "";
    }
  }
  if (rest !== "") yield { number, text: rest };
}

function toRow({ number: line, text }: Line, known: readonly string[]): Row | BadRow {
  if (text.length > maxRowLength) {
    return badRow(line, "row", `is longer than ${maxRowLength} characters`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text, keepNumbers);
  } catch (error) {
    return badRow(line, "row", `is not JSON: ${inLine(jsonProblem(error))}`);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return badRow(line, "row", "must be a JSON object");
  }
  const values = new Map<string, unknown>(Object.entries(json));
  const unknown = [...values.keys()].find((key) => !known.includes(key));
  return unknown === undefined
    ? { line, values, json: text }
    : badRow(line, unknown, `is unknown: there are ${known.join(", ")}`);
}

/** What JSON.parse says is wrong, and in which column: to it, each line is the first of a text. */
function inLine(message: string): string {
  return message.replace(/ in JSON at position \d+ \(line 1 column (\d+)\)$/, " at column $1");
}

/** Keeps a number as it is written: 0.1 is none that a computer has. */
function keepNumbers(
  _key: string,
  value: unknown,
  context?: { readonly source?: string },
): unknown {
  return typeof value === "number" ? new NumberText(context?.source ?? String(value)) : value;
}
