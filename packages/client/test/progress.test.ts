import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, test } from "@jest/globals";
import { showProgress } from "../src/cli/progress.ts";

/** A stream that says it is a terminal, as a real one does. */
class Terminal extends PassThrough {
  readonly isTTY = true;
  readonly columns = 80;
}

test("a terminal sees a bar, and messages above it that stay", async () => {
  const stream = new Terminal();
  const ignored = (): void => {
    throw new Error("not written past the bar");
  };
  const progress = showProgress({ stream, name: "a.csv", totalBytes: 200, message: ignored });
  progress.update(50, 7);
  progress.message("a.csv:3: price is wrong");
  progress.update(100, 9);
  progress.stop();
  stream.end();
  const shown = await text(stream);
  expect(shown).toMatch(/a\.csv:3: price is wrong\n[^]*a\.csv ={15}-{15} 50% 9 rows/);
  // Nothing of it is left, nor are the terminal's settings changed.
  expect(shown.endsWith("\u001b[0J")).toBe(true);
  expect(shown).not.toContain("\u001b[?");
});

test("what has no known length is counted", async () => {
  const stream = new Terminal();
  const message = (): void => undefined;
  const progress = showProgress({ stream, name: "stdin", totalBytes: undefined, message });
  progress.update(50, 7);
  progress.stop();
  stream.end();
  const shown = await text(stream);
  expect(shown).toContain("stdin 7 rows");
  expect(shown).not.toContain("%");
});

test("without a terminal, messages go where all others do", () => {
  const messages: string[] = [];
  const message = (line: string): void => void messages.push(line);
  const progress = showProgress({ stream: undefined, name: "a", totalBytes: 1, message });
  progress.update(1, 1);
  progress.message("a:1: no");
  progress.stop();
  expect(messages).toEqual(["a:1: no"]);
});
