import { format } from "node:util";
import { setLogger } from "@grpc/grpc-js";

/** What grpc-js says of a header that it cannot keep (1.14.7, `Metadata.fromHttp2Headers`): with its value. */
const namesValue = "Failed to add metadata entry ";

let isSet = false;

/**
 * Keeps the values of headers out of what grpc-js writes to the standard error. Whoever calls its `setLogger` after the
 * first server or channel was made has the last word.
 */
export function keepHeadersOutOfLog(): void {
  if (isSet) return;
  isSet = true;
  setLogger({ error: writer("E"), info: writer("I"), debug: writer("D") });
}

function writer(level: string): (text: unknown, ...rest: unknown[]) => void {
  return (text, ...rest) => {
    if (String(text).startsWith(namesValue)) return;
    process.stderr.write(`${format(`${level} ${String(text)}`, ...rest)}\n`);
  };
}
