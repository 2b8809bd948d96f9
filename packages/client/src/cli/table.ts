import Table from "cli-table3";
import { printable } from "./printable.ts";

/** One column of a table. */
export interface Column<T> {
  readonly title: string;
  readonly value: (item: T) => string;
  /** For numbers. */
  readonly align?: "right";
}

/** How items of one type are shown, to people and to programs. */
export interface View<T> {
  /** What people see of an item. */
  readonly columns: readonly Column<T>[];
  /** What programs get. */
  readonly toJson: (item: T) => unknown;
}

type Style = (text: string) => string;

const none = "";

/** No lines, so that the columns can be cut and searched; two spaces between them. */
const plain = {
  chars: {
    top: none,
    "top-mid": none,
    "top-left": none,
    "top-right": none,
    bottom: none,
    "bottom-mid": none,
    "bottom-left": none,
    "bottom-right": none,
    left: none,
    "left-mid": none,
    mid: none,
    "mid-mid": none,
    right: none,
    "right-mid": none,
    middle: "  ",
  },
  style: { "padding-left": 0, "padding-right": 0, head: [], border: [], compact: true },
} as const;

/** Items as the lines of a table, under the columns' titles. */
export function table<T>(columns: readonly Column<T>[], items: readonly T[], title: Style): string {
  const rows = items.map((item) => columns.map(({ value }) => printable(value(item))));
  return layOut(
    columns.map((column) => title(column.title)),
    rows,
    columns.map(({ align }) => align ?? "left"),
  );
}

/** One item, a line for each column. */
export function card<T>(columns: readonly Column<T>[], item: T, title: Style): string {
  const rows = columns.map((column) => [title(column.title), printable(column.value(item))]);
  return layOut([], rows, ["left", "left"]);
}

function layOut(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  colAligns: readonly ("left" | "right")[],
): string {
  const laidOut = new Table({
    chars: plain.chars,
    style: { ...plain.style, head: [], border: [] },
    head: [...head],
    colAligns: [...colAligns],
  });
  laidOut.push(...rows.map((row) => [...row]));
  return laidOut
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
