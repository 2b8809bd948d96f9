import type { Violation } from "@org/kit/client";

/**
 * The largest row that is read, in characters: more than the largest product there can be, with each
 * character escaped. A larger one could be refused together with the whole stream.
 */
export const maxRowLength: number = 128 * 1024;

/** A number of a JSON document, as it is written there: nothing is rounded. */
export class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** One row of a file that can be read. */
export interface Row {
  /** Where it begins in the file, counted from 1. */
  readonly line: number;
  /** Its values by the names of their columns; all text in CSV. */
  readonly values: ReadonlyMap<string, unknown>;
  /** The row as it is in the file; NDJSON only. */
  readonly json?: string;
}

/** One row that cannot be read, and why. */
export interface BadRow {
  readonly line: number;
  readonly violations: readonly Violation[];
}

/** A row with one thing wrong with it. */
export function badRow(line: number, field: string, description: string): BadRow {
  return { line, violations: [{ field, description }] };
}

/** What a row can be told not to have understood: gathers everything that is wrong with its values. */
export class RowReader {
  readonly violations: Violation[] = [];
  readonly #values: ReadonlyMap<string, unknown>;

  constructor({ values }: Row) {
    this.#values = values;
  }

  /** A text; "" where the row has none. */
  text(name: string): string {
    const value = this.#values.get(name) ?? "";
    if (typeof value === "string" && value.isWellFormed()) return value;
    const text = typeof value === "string" ? "text without halves of characters" : "text";
    this.refuse(name, `must be ${text}`);
    return "";
  }

  /** The text of a number, without space around it; "" where the row has none. */
  number(name: string): string {
    const value = this.#values.get(name) ?? "";
    if (typeof value === "string") return value.trim();
    if (value instanceof NumberText) return value.text;
    this.refuse(name, "must be a number");
    return "";
  }

  /** The value as it is. */
  raw(name: string): unknown {
    return this.#values.get(name);
  }

  /** Something is wrong with a value. */
  refuse(field: string, description: string): void {
    this.violations.push({ field, description });
  }
}
