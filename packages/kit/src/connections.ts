import { constants, type ServerHttp2Session } from "node:http2";
import type { Server } from "@grpc/grpc-js";

/** Of how much the age of connections differs, so that they are not all replaced at once: of gRPC's A9, 10 %. */
const ageJitter = 0.1;

/** No timer holds more milliseconds: 24 days. */
const maxTimerMs = 2 ** 31 - 1;

/** How long connections live. */
export interface ConnectionLimits {
  /** How old one gets before its client is asked for a new one, in milliseconds. */
  readonly maxAgeMs: number;
  /**
   * How often a client is asked whether it is still there, in milliseconds, and has to have answered the last time: a
   * host that has vanished does not close its connections. grpc-js's own keepalive destroys connections that are
   * being closed, with the calls on them (1.14.7, `sendPing`).
   */
  readonly keepaliveMs: number;
}

/**
 * The HTTP/2 connections of a server, and how they are ended without a call being lost. grpc-js announces the end
 * of a connection and closes it at once: a call that its client sends before it has read of that fails there, one
 * in some thousands of connections. RFC 9113, section 6.8: what the client sends until it has answered a ping,
 * it may have sent before it knew.
 */
export class Connections {
  readonly #sessions = new Set<ServerHttp2Session>();

  /** Those that are made from now on by what was made by `createConnectionInjector`. */
  constructor(server: Server, limits: ConnectionLimits) {
    for (const http2Server of http2ServersOf(server)) {
      http2Server.on("session", (session) => {
        this.#keep(session, limits);
      });
    }
  }

  /** Ends all of them. Resolves once every client knows that it has to send its next calls elsewhere, or has left. */
  async retire(): Promise<void> {
    await Promise.all(Array.from(this.#sessions, retire));
  }

  #keep(session: ServerHttp2Session, { maxAgeMs, keepaliveMs }: ConnectionLimits): void {
    this.#sessions.add(session);
    const ageMs = maxAgeMs * (1 + ageJitter * (2 * Math.random() - 1));
    const timer = setTimeout(
      () => {
        void retire(session);
      },
      Math.min(ageMs, maxTimerMs),
    ).unref();
    let isPinged = false;
    const keepalive = setInterval(() => {
      if (session.closed || session.destroyed) return;
      if (isPinged) session.destroy();
      else isPinged = session.ping(() => (isPinged = false));
    }, keepaliveMs).unref();
    session.once("close", () => {
      this.#sessions.delete(session);
      clearTimeout(timer);
      clearInterval(keepalive);
    });
  }
}

/**
 * Asks a client to make a new connection. The calls on this one go on; the client closes it after the last, and where
 * it does not, it is closed for being idle. Node's own `close` would do that here, too, but no ping can be sent
 * from then on, and that a client has vanished would never be noticed. Resolves once the client knows.
 */
function retire(session: ServerHttp2Session): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (session.closed || session.destroyed) {
    resolve();
    return promise;
  }
  session.once("close", resolve);
  try {
    session.goaway(constants.NGHTTP2_NO_ERROR);
    session.ping(() => {
      resolve();
    });
  } catch {
    resolve();
  }
  return promise;
}

type Http2Server = NonNullable<ServerHttp2Session["server"]> & {
  on(event: "session", listener: (session: ServerHttp2Session) => void): unknown;
};

/** What grpc-js keeps to itself. Throws where it has another name one day: connections would never end. */
function http2ServersOf(server: Server): Iterable<Http2Server> {
  const servers: unknown = Reflect.get(server, "http2Servers");
  if (!(servers instanceof Map) || servers.size === 0) {
    throw new TypeError("this version of @grpc/grpc-js has its HTTP/2 servers elsewhere");
  }
  return servers.keys() as Iterable<Http2Server>;
}
