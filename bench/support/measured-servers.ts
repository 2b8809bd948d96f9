/** The servers that are measured: the peers, and ours in other ways as well. */
import { type PeerName, peers, type RunningPeer, startPeer } from "./peers.ts";
import type { Token } from "./token.ts";

/**
 * The servers; ours without traces; and with answers that are encoded only once: a server that has a cache keeps them so.
 */
export const serverNames = [
  "ours",
  "ours-untraced",
  "ours-encoded",
  "grpc-js",
  "nice-grpc",
  "connect-node",
  "nestjs",
  "fastify",
  "http2",
] as const;
export type ServerName = (typeof serverNames)[number];

/** What one is called in tables. */
export function titleOf(name: ServerName): string {
  if (name === "ours-untraced") return "ours, full, without traces";
  return name === "ours-encoded" ? "ours, answers kept encoded" : peers[name].title;
}

function peerNameOf(name: ServerName): PeerName {
  return name === "ours-untraced" || name === "ours-encoded" ? "ours" : name;
}

/** The servers while they run. */
export interface RunningServers extends AsyncDisposable {
  readonly of: (name: ServerName) => RunningPeer;
}

/** Starts all of them. */
export async function startServers(token: Token): Promise<RunningServers> {
  await using stack = new AsyncDisposableStack();
  const running = new Map<ServerName, RunningPeer>();
  for (const name of serverNames) {
    const options = { isEncoded: name === "ours-encoded", isTraced: name !== "ours-untraced" };
    const peer = await startPeer(peerNameOf(name), token, options);
    running.set(name, stack.use(peer));
  }
  const started = stack.move();
  return {
    of(name) {
      const peer = running.get(name);
      if (peer === undefined) throw new Error(`${name} is not running`);
      return peer;
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}
