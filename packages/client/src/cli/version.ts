import { readFileSync } from "node:fs";
import { z } from "zod";

/** The version of this package. */
export function readVersion(): string {
  // As far away from the compiled file as from this one.
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return z.object({ version: z.string() }).parse(JSON.parse(manifest)).version;
}
