import type { Writable } from "node:stream";

/** Whether someone looks at what a stream gets. */
export function isTerminal(stream: Writable): boolean {
  return "isTTY" in stream && stream.isTTY === true;
}
