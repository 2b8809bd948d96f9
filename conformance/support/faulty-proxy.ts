import { once } from "node:events";
import { createServer, Socket } from "node:net";
import { type FaultMode, startFlow } from "./faulty-flow.ts";

export type { FaultMode };

/** A TCP proxy that can be told to be at fault. Disposing of it resets its connections. */
export interface FaultyProxy extends AsyncDisposable {
  /** Where it listens, `127.0.0.1:port`: what a client connects to. */
  readonly target: string;
  /** How many connections are open at the moment, and how many were ever accepted. */
  readonly connections: { readonly open: number; readonly accepted: number };
  /**
   * What it does to the bytes of all its connections; `pass` at first. Another mode holds at once, for open
   * connections and for what they have not forwarded yet.
   *
   * In a `blackhole`, new connections are accepted, but do not reach the server. When it is left, what was
   * swallowed is lost: connections that it belonged to are of no use, and are reset. Those that were idle go on.
   *
   * In `reset`, open connections are reset, and new ones as soon as they are accepted.
   */
  mode: FaultMode;
}

/** A client's connection, and the one to the server that belongs to it. */
interface Link {
  /** Does what may be done now. */
  advance(): void;
  reset(): void;
}

/**
 * Starts a proxy on a free port before a server, `host:port`. While that cannot be reached, connections are
 * accepted and then reset.
 */
export async function startProxy(target: string): Promise<FaultyProxy> {
  const colon = target.lastIndexOf(":");
  const host = target.slice(0, colon);
  const port = Number(target.slice(colon + 1));
  const links = new Set<Link>();
  let accepted = 0;
  let mode: FaultMode = { kind: "pass" };

  function open(client: Socket): void {
    accepted += 1;
    const upstream = new Socket({ allowHalfOpen: true }).setNoDelay(true);
    const sockets = [client, upstream];
    const flows = [
      startFlow(client, upstream, () => advance()),
      startFlow(upstream, client, () => advance()),
    ];
    let connected = false;
    let broken = false;
    const link: Link = { advance, reset: () => sockets.forEach(reset) };

    function advance(): void {
      if (mode.kind !== "blackhole") {
        if (mode.kind === "reset" || broken || flows.some(({ lost }) => lost)) {
          link.reset();
          return;
        }
        if (!connected) upstream.connect({ host, port });
        connected = true;
      }
      for (const flow of flows) flow.advance(mode);
    }

    for (const socket of sockets) {
      socket.on("error", () => {
        broken = true;
        advance();
      });
      socket.on("close", () => {
        if (client.closed && upstream.closed) links.delete(link);
      });
    }
    links.add(link);
    advance();
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, open);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it listens on no port");
  return {
    target: `127.0.0.1:${address.port}`,
    get connections() {
      return { open: links.size, accepted };
    },
    get mode() {
      return mode;
    },
    set mode(next) {
      mode = next;
      for (const link of links) link.advance();
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      for (const link of links) link.reset();
      await closed;
    },
  };
}

function reset(socket: Socket): void {
  if (socket.destroyed) return;
  // One that has not connected has nobody to reset. One that has sent its end fails to (EINVAL), and stays open.
  if (socket.pending || socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
