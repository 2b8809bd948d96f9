import { once } from "node:events";
import type { Writable } from "node:stream";
import pico from "picocolors";
import { card, table, type View } from "./table.ts";

/** Where a command's results and messages go, and in which form. */
export interface OutputOptions {
  /** Gets the results; the process' stdout by default. */
  readonly stdout?: Writable;
  /** Gets everything else; the process' stderr by default. */
  readonly stderr?: Writable;
  /** Whether results are JSON for programs, one object a line; false by default. */
  readonly json?: boolean;
  /** Whether to colour what goes to a stream; nothing is by default. */
  readonly colors?: (stream: Writable) => boolean;
}

/** How many rows are laid out at a time: a long list starts to appear, and is not kept in memory. */
const rowsPerTable = 1000;

type Colors = ReturnType<typeof pico.createColors>;

/** The results and messages of a command: tables for people, JSON for programs. */
export class Output {
  readonly json: boolean;
  /** For texts that go to the results. */
  readonly colors: Colors;
  /** For texts that go to the messages. */
  readonly messageColors: Colors;
  readonly #stdout: Writable;
  readonly #stderr: Writable;

  constructor(options: OutputOptions = {}) {
    const { stdout = process.stdout, stderr = process.stderr, json = false, colors } = options;
    this.json = json;
    this.colors = pico.createColors(colors?.(stdout) ?? false);
    this.messageColors = pico.createColors(colors?.(stderr) ?? false);
    this.#stdout = stdout;
    this.#stderr = stderr;
  }

  /** Writes a line of the result, as it is. */
  async line(text: string): Promise<void> {
    if (!this.#stdout.write(`${text}\n`)) await once(this.#stdout, "drain");
  }

  /** Writes a value as JSON, on one line. */
  async value(json: unknown): Promise<void> {
    await this.line(JSON.stringify(json));
  }

  /** Writes one item. */
  async item<T>(item: T, { columns, toJson }: View<T>): Promise<void> {
    if (this.json) await this.value(toJson(item));
    else await this.line(card(columns, item, this.colors.dim));
  }

  /** Writes items as they come, and those that did come where the source fails in the end. */
  async list<T>(items: AsyncIterable<T> | Iterable<T>, view: View<T>): Promise<void> {
    const { columns, toJson } = view;
    if (this.json) {
      for await (const item of items) await this.value(toJson(item));
      return;
    }
    let rows: T[] = [];
    let tables = 0;
    const flush = async (): Promise<void> => {
      const batch = rows;
      rows = [];
      tables += 1;
      await this.line(table(columns, batch, this.colors.bold));
    };
    try {
      for await (const item of items) {
        rows.push(item);
        if (rows.length === rowsPerTable) await flush();
      }
      // Only the titles, where there is nothing: an empty answer could be taken for none.
      if (tables === 0 && rows.length === 0) await flush();
    } finally {
      if (rows.length > 0) await flush();
    }
  }

  /** Writes a message: not a part of the result. */
  message(text: string): void {
    this.#stderr.write(`${text}\n`);
  }

  /** Writes a warning: text for people, an object for programs. */
  warn(text: string): void {
    this.message(this.json ? JSON.stringify({ warning: text }) : this.messageColors.yellow(text));
  }
}
