import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import type { Peer } from "./peer.ts";

/** A server of another maker, in a process of its own. */
export interface PeerServer extends AsyncDisposable {
  readonly port: number;
}

/** Those that have not ended: none of them outlives the tests. */
const children = new Set<ChildProcess>();

process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** Starts a peer's server. Rejects, with what it printed, where it does not say that it listens. */
export async function startPeerServer(
  { server }: Peer,
  transport: readonly string[],
): Promise<PeerServer> {
  const port = await freePort();
  const [command = "", ...args] = server;
  const child = spawn(command, [...args, `--port=${port}`, ...transport], {
    // Otherwise Go's server says nothing.
    env: { ...process.env, GRPC_GO_LOG_SEVERITY_LEVEL: "info" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  const ended = once(child, "close");
  void ended.then(() => children.delete(child));
  let printed = "";
  const listening = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      printed += `${line}\n`;
      if (/server listening on|Server started/.test(line)) listening.resolve();
    });
  }
  void ended.then(() => {
    listening.reject(new Error(`${command} ended:\n${printed}`));
  });
  await listening.promise;
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** A port that nobody has: a server that takes a free one by itself does not say which. */
async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it listens on no port");
  const closed = once(server, "close");
  server.close();
  await closed;
  return address.port;
}
