import { copyFile, cp, mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { pack, published, tarballOf } from "../../scripts/pack.ts";
import { mustRunTool, root } from "./run-tool.ts";

/**
 * Copies examples/order-service away from the repository, and installs and generates it there as its
 * own team does: by npm, from our tarballs. Resolves with the copy's folder.
 */
export async function installExample(folder: string): Promise<string> {
  await pack();
  const example = join(folder, "examples/order-service");
  const tarballs = join(folder, ".packed");
  await mkdir(tarballs, { recursive: true });
  await Promise.all([
    ...published.map((name) => {
      const tarball = tarballOf(name);
      return copyFile(tarball, join(tarballs, basename(tarball)));
    }),
    cp(join(root, "examples/order-service"), example, {
      recursive: true,
      // What somebody who tried it has left there.
      filter: (source) => !/[\\/](?:node_modules|gen|package-lock\.json)$/.test(source),
    }),
  ]);
  // Nothing that it installs has to run a script, or to be asked for again.
  const flags = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  await mustRunTool("npm", ["install", ...flags], { cwd: example });
  await mustRunTool("npm", ["run", "generate"], { cwd: example });
  return example;
}
