/**
 * Runs after each install, and decides which `node` the scripts of this repository run on. The one
 * that the registry packages bring is for machines whose own is too old; where the machine's own is
 * new enough, it is the one to use, and to test with.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const modules = join(dirname(fileURLToPath(import.meta.url)), "..", "node_modules");
const manifest = JSON.parse(readFileSync(join(modules, "..", "package.json"), "utf8"));
const [major, minor] = manifest.engines.node.match(/\d+/g).map(Number);

const systemPath = process.env.PATH.split(delimiter).filter((dir) => !dir.includes("node_modules"));
const { stdout } = spawnSync("node", ["--version"], {
  env: { ...process.env, PATH: systemPath.join(delimiter) },
  encoding: "utf8",
});
const [ownMajor = 0, ownMinor = 0] = (stdout ?? "").match(/\d+/g)?.map(Number) ?? [];
const isNewEnough = ownMajor > major || (ownMajor === major && ownMinor >= minor);

const command = join(modules, ".bin", "node");
const brought = Object.keys(manifest.optionalDependencies).find((name) =>
  existsSync(join(modules, name)),
);
// pnpm puts a shell script there, which keeps signals from the process that it starts.
rmSync(command, { force: true });
if (!isNewEnough && brought !== undefined) {
  symlinkSync(join("..", brought, "bin", "node"), command);
}
