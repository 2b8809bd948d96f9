import type { Socket } from "node:net";

/** How connections are let in. */
export interface NewcomersOptions {
  /** How many connections there may be at a time. */
  readonly maxConnections: number;
  /** How long one may take until it has shown that it is an HTTP/2 client, TLS included, in milliseconds. */
  readonly helloTimeoutMs: number;
  /** Ends a connection that nobody uses. False where there is none. */
  readonly endUnused: () => boolean;
  /** Told whom there was no room for. */
  readonly refused: (remoteAddress: string | undefined) => void;
}

/** What a connection is known by, in plaintext and in TLS. */
type Peer = Pick<Socket, "remoteAddress" | "remotePort">;

/**
 * Bounds how many connections a server has. One is a newcomer until it has shown that it is an HTTP/2 client. Where
 * there is no room, the oldest newcomer makes way for the next, or else the connection that has been without calls for
 * longest: whoever connects a thousand times and does nothing keeps nobody out.
 */
export class Newcomers {
  readonly #options: NewcomersOptions;
  readonly #all = new Set<Socket>();
  readonly #newcomers = new Map<string, Socket>();

  constructor(options: NewcomersOptions) {
    this.#options = options;
  }

  /** Lets a connection in, or cuts it off. */
  admit(socket: Socket): boolean {
    const { maxConnections, helloTimeoutMs, endUnused, refused } = this.#options;
    if (this.#all.size >= maxConnections) {
      const [oldest] = this.#newcomers.values();
      refused((oldest ?? socket).remoteAddress);
      if (oldest !== undefined) {
        this.isKnown(oldest);
        this.#all.delete(oldest);
        oldest.destroy();
      } else if (!endUnused()) {
        socket.destroy();
        return false;
      }
    }
    // Kept, as a socket that is gone does not know it any more.
    const key = keyOf(socket);
    this.#all.add(socket);
    this.#newcomers.set(key, socket);
    const timer = setTimeout(() => {
      if (this.#newcomers.get(key) === socket) socket.destroy();
    }, helloTimeoutMs).unref();
    socket.once("close", () => {
      clearTimeout(timer);
      this.#all.delete(socket);
      if (this.#newcomers.get(key) === socket) this.#newcomers.delete(key);
    });
    return true;
  }

  /** A connection has shown what it is. */
  isKnown(peer: Peer): void {
    this.#newcomers.delete(keyOf(peer));
  }
}

function keyOf({ remoteAddress, remotePort }: Peer): string {
  return `${remoteAddress ?? ""} ${remotePort ?? ""}`;
}
