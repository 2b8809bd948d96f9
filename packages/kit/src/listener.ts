import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";

/** What a listener tells. */
export interface ListenerEvents {
  /** Somebody has connected. */
  readonly connection: (socket: Socket) => void;
  /** A connection could not be accepted, for want of file descriptors or memory. */
  readonly error: (error: Error) => void;
}

/** After how much silence TCP asks whether the other end is there, in milliseconds; ten seconds later it is not. */
const keepAliveMs = 30_000;

/**
 * What accepts a server's connections, and can cut them off. grpc-js can't: where channelz is off, its
 * `forceShutdown` closes no connection (1.14.7), and of a TLS handshake it knows nothing at all.
 */
export class Listener {
  /** The port it listens on. */
  readonly port: number;
  /** Resolves once it is stopped and no connection is left. */
  readonly closed: Promise<void>;
  readonly #servers: readonly Server[];
  readonly #sockets = new Set<Socket>();

  private constructor(servers: readonly Server[], port: number) {
    this.#servers = servers;
    this.port = port;
    for (const server of servers) server.on("connection", (socket) => this.#keep(socket));
    this.closed = Promise.all(servers.map(closing)).then(() => undefined);
  }

  /** Listens on all addresses of a host, on the same port: `localhost` may have two. */
  static async listen(host: string, port: number, on: ListenerEvents): Promise<Listener> {
    const addresses = await lookup(host, { all: true });
    const servers: Server[] = [];
    let bound = port;
    let absent: unknown;
    try {
      for (const { address } of addresses) {
        const server = createServer(on.connection);
        server.listen({ host: address, port: bound });
        try {
          await once(server, "listening");
        } catch (error) {
          // A name may stand for an address that this machine does not have, such as one of IPv6.
          if (!isAbsent(error)) throw error;
          absent = error;
          continue;
        }
        servers.push(server.on("error", on.error));
        const listening = server.address();
        if (typeof listening === "object" && listening !== null) bound = listening.port;
      }
      if (servers.length === 0) throw absent;
    } catch (error) {
      for (const server of servers) server.close();
      throw error;
    }
    return new Listener(servers, bound);
  }

  /** Accepts no more connections; those that are there stay. */
  stop(): void {
    for (const server of this.#servers) server.close();
  }

  /** Cuts off all connections, however far they have come. */
  cutOff(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #keep(socket: Socket): void {
    // For hosts that have vanished, also where HTTP/2 can send no ping: on a connection that its client is closing.
    socket.setKeepAlive(true, keepAliveMs);
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }
}

function isAbsent(error: unknown): boolean {
  const codes: unknown[] = ["EADDRNOTAVAIL", "EAFNOSUPPORT"];
  return (
    typeof error === "object" && error !== null && "code" in error && codes.includes(error.code)
  );
}

function closing(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.once("close", resolve);
  return promise;
}
