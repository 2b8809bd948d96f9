import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pinned } from "./cores.ts";
import type { LoadCall } from "./load-connection.ts";
import type { RunningPeer } from "./peers.ts";

const found = spawnSync("h2load", ["--version"], { encoding: "utf8" });

/** Which h2load there is (https://nghttp2.org/documentation/h2load-howto.html); undefined where there is none. */
export const h2loadVersion: string | undefined =
  found.status === 0 ? found.stdout.trim().split("/").at(-1) : undefined;

/** What h2load is to do. */
export interface H2loadWork {
  readonly call: LoadCall;
  readonly calls: number;
  readonly connections: number;
  readonly inFlight: number;
}

/** Makes that many calls; resolves with the calls per second. It does not look into the answers: others have to. */
export async function runH2load(
  { port, protocol }: Pick<RunningPeer, "port" | "protocol">,
  { call, calls, connections, inFlight }: H2loadWork,
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "bench-"));
  try {
    const body = join(folder, "body");
    await writeFile(body, call.body);
    const headers: LoadCall["headers"] =
      protocol === "http"
        ? call.headers
        : [["content-type", "application/grpc"], ["te", "trailers"], ...call.headers];
    const at = pinned("load", "h2load", [
      ...(protocol === "http" ? ["--h1"] : []),
      ...["--requests", String(calls), "--clients", String(connections)],
      ...["--max-concurrent-streams", String(Math.ceil(inFlight / connections))],
      ...(call.body.length > 0 ? ["--data", body] : []),
      ...headers.map(([name, value]) => `--header=${name}: ${value}`),
      `http://127.0.0.1:${port}${call.path}`,
    ]);
    const child = spawn(at.command, at.args, { stdio: ["ignore", "pipe", "inherit"] });
    const printed = await text(child.stdout);
    const rate = /^finished in [^,]+, ([\d.]+) req\/s/m.exec(printed)?.[1];
    const counts =
      /^requests: (\d+) total,.* (\d+) succeeded, 0 failed, 0 errored, 0 timeout$/m.exec(printed);
    if (rate === undefined || counts === null || counts[1] !== counts[2]) {
      throw new Error(`h2load did not make its calls:\n${printed}`);
    }
    return Number(rate);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
