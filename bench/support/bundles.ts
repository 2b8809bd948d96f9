import { join } from "node:path";
import { mustRun } from "../../scripts/run.ts";
import { peerFile, type PeerName, peerNames } from "./peers.ts";

/** NestJS asks at run time for packages that are not there, which no bundler knows what to do with. */
export type BundledName = Exclude<PeerName, "nestjs">;

/** The servers that there are bundles of. */
export const bundledNames: readonly BundledName[] = peerNames.filter((name) => name !== "nestjs");

/** Bundles a server as the services are bundled; resolves with the file to run. */
export function bundlePeer(name: BundledName): Promise<string> {
  return bundle(name, peerFile(name));
}

/** Bundles a program; resolves with the file to run. */
export async function bundle(name: string, entry: string): Promise<string> {
  const cwd = join(import.meta.dirname, "..");
  const outfile = join(cwd, "dist", name, "main.js");
  const script = join(cwd, "../scripts/bundle.ts");
  await mustRun(process.execPath, [script, entry, outfile], { cwd });
  return outfile;
}
