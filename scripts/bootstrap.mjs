/**
 * Runs a pnpm command on a machine that may have nothing but Node and npm: brings the pnpm that
 * package.json names, installs what the lockfile names, and hands over. Plain JavaScript for old
 * Node versions, since it runs before the right one is installed.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** Runs pnpm, or ends this process with its exit code. */
function pnpm(args) {
  const fromPnpm = (process.env.npm_config_user_agent ?? "").startsWith("pnpm/");
  const [command, ...first] = fromPnpm ? ["pnpm"] : ["npx", "--yes", packageManager];
  const { status, error } = spawnSync(command, [...first, ...args], {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

pnpm(["install", "--frozen-lockfile", "--prefer-offline", "--loglevel=warn"]);
pnpm(process.argv.slice(2));
