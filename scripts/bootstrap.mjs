/**
 * Runs one of the scripts in this folder on a machine that may have nothing but Node and npm: brings
 * the pnpm that package.json names, installs what the lockfile names, and starts the script with a
 * Node that is new enough. Plain JavaScript for old Node versions, since it runs before the right one
 * is installed.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { packageManager, engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** Runs a command to its end. Signals are left to the command, which ends in its own time. */
function run(command, args) {
  const child = spawn(command, args, {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  process.on("SIGINT", () => {
    // A terminal's Ctrl-C reaches the command as well; other signals come to this process alone.
  });
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
}

const fromPnpm = (process.env.npm_config_user_agent ?? "").startsWith("pnpm/");
const pnpm = fromPnpm ? ["pnpm"] : ["npx", "--yes", packageManager];
const install = ["install", "--frozen-lockfile", "--prefer-offline", "--loglevel=error"];
const installed = await run(pnpm[0], [...pnpm.slice(1), ...install]);
if (installed !== 0) process.exit(installed);

// The registry's Node, where the machine's own is too old; see choose-node.mjs.
const ownNode = join(root, "node_modules", ".bin", "node");
const [major, minor] = process.versions.node.split(".").map(Number);
const [minMajor, minMinor] = engines.node.match(/\d+/g).map(Number);
const isNewEnough = major > minMajor || (major === minMajor && minor >= minMinor);
if (!isNewEnough && !existsSync(ownNode)) {
  console.error(`Node ${engines.node} is needed; this is ${process.version}`);
  process.exit(1);
}
const [script, ...args] = process.argv.slice(2);
const node = existsSync(ownNode) ? ownNode : process.execPath;
process.exit(await run(node, [join(root, "scripts", script), ...args]));
