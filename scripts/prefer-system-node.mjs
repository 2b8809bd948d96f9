/**
 * Runs after each install. The Node that the registry packages bring is for machines whose own is
 * too old; where the machine's own is new enough, it is the one to use (and to test with).
 */
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const [major, minor] = engines.node.match(/\d+/g).map(Number);

const systemPath = process.env.PATH.split(delimiter).filter((dir) => !dir.includes("node_modules"));
const { stdout } = spawnSync("node", ["--version"], {
  env: { ...process.env, PATH: systemPath.join(delimiter) },
  encoding: "utf8",
});
const [ownMajor = 0, ownMinor = 0] = (stdout ?? "").match(/\d+/g)?.map(Number) ?? [];
if (ownMajor > major || (ownMajor === major && ownMinor >= minor)) {
  rmSync(join(root, "node_modules", ".bin", "node"), { force: true });
}
