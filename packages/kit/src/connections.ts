import { constants, performServerHandshake, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import type { Server } from "@grpc/grpc-js";
import type { CallGate } from "./call-gate.ts";
import { ConnectionUse } from "./connection-use.ts";
import { http2Limits } from "./http2-limits.ts";
import { capTimeout } from "./parse-timeout.ts";
import { useStreamTable } from "./stream-table.ts";

/** Of how much the age of connections differs, so that they are not all replaced at once: of gRPC's A9, 10 %. */
const ageJitter = 0.1;

/** No timer holds more milliseconds: 24 days. */
const maxTimerMs = 2 ** 31 - 1;

/**
 * How many pings and settings a client may send in a second. gRPC's C core sends a ping with each change of its flow
 * control window, ours four a second while it waits; each has to be answered.
 */
const maxControlFrames = 1_000;

/** How long a connection may be without calls before it makes way for another where there is no room, in milliseconds. */
const unusedMs = 1_000;

/** How long a client may take to close its end of a connection that it has announced the end of, in milliseconds. */
const goodbyeMs = 5_000;

/** How long connections live, and what comes by them. */
export interface ConnectionsOptions {
  /** How old one gets before its client is asked for a new one, in milliseconds. */
  readonly maxAgeMs: number;
  /** How long one may be without calls before it is closed, in milliseconds. */
  readonly maxIdleMs: number;
  /**
   * How often a client is asked whether it is still there, in milliseconds, and has to have answered the last time: a
   * host that has vanished does not close its connections. grpc-js's own keepalive destroys connections that are
   * being closed, with the calls on them (1.14.7, `sendPing`).
   */
  readonly keepaliveMs: number;
  /** What calls meet first. */
  readonly gate: CallGate;
  /** Told of each connection once its other end has shown that it is an HTTP/2 client. */
  readonly known: (socket: Socket) => void;
}

/**
 * The HTTP/2 connections of a server: made here, with limits that grpc-js does not pass on and a gate before its calls,
 * and ended without a call being lost. grpc-js announces the end of a connection and closes it at once: a call that its
 * client sends before it has read of that fails there, one in some thousands of connections. RFC 9113, section 6.8:
 * what the client sends until it has answered a ping, it may have sent before it knew.
 */
export class Connections {
  readonly #sessions = new Set<ServerHttp2Session>();
  /** How each is used. */
  readonly #uses = new Map<ServerHttp2Session, ConnectionUse>();
  readonly #http2Server: Http2Server;
  readonly #options: ConnectionsOptions;
  #isRetired = false;

  /** For a server of grpc-js that has a connection injector, and no other way to be connected to. */
  constructor(server: Server, options: ConnectionsOptions) {
    this.#http2Server = http2ServerOf(server);
    this.#options = options;
  }

  /** Speaks HTTP/2 with whoever has connected. */
  accept(socket: Socket): void {
    const { gate, known } = this.#options;
    const session = performServerHandshake(socket, http2Limits);
    // Not before it has agreed to our limits: Node.js enforces some of them from then on.
    let owed = 2;
    const note = (): void => {
      owed -= 1;
      if (owed === 0) known(socket);
    };
    useStreamTable(session);
    session.once("remoteSettings", note).once("localSettings", note);
    // It is closed then, and so are its calls.
    session.on("error", () => undefined);
    const use = closeAfterLastStream(session, socket);
    this.#uses.set(session, use);
    session.on("stream", (stream, headers, flags) => {
      const call = gate.admit(stream, headers);
      if (call === undefined) return;
      call.use = use;
      use.open += 1;
      const { answer } = call.method;
      if (answer !== undefined) {
        answer(call, headers);
        return;
      }
      capTimeout(headers);
      this.#http2Server.emit("stream", stream, headers, flags);
    });
    boundControlFrames(session);
    this.#keep(session);
    this.#http2Server.emit("session", session);
    // Its TLS handshake was under way. To its client, a connection that is closed without a word is a failure.
    if (this.#isRetired) void retire(session);
  }

  /**
   * Ends all of them, and those to come. Resolves once the clients of those that are there know that they have to send
   * their next calls elsewhere, or have left.
   */
  async retire(): Promise<void> {
    this.#isRetired = true;
    await Promise.all(Array.from(this.#sessions, retire));
  }

  /** How many there are. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Closes the one that has been without calls for longest, if any has been for a second. False where none has. */
  endUnused(): boolean {
    let longest: ServerHttp2Session | undefined;
    let since = performance.now() - unusedMs;
    for (const [session, { open, lastUsedAt }] of this.#uses) {
      if (open > 0 || lastUsedAt > since) continue;
      longest = session;
      since = lastUsedAt;
    }
    if (longest === undefined) return false;
    // Once, as its end is seen later.
    this.#uses.delete(longest);
    longest.destroy();
    return true;
  }

  #keep(session: ServerHttp2Session): void {
    const { maxAgeMs, maxIdleMs, keepaliveMs } = this.#options;
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
      const use = this.#uses.get(session);
      if (use?.open === 0 && performance.now() - use.lastUsedAt > maxIdleMs) {
        void retire(session).then(() => {
          session.close();
        });
        return;
      }
      if (isPinged) session.destroy();
      else isPinged = session.ping(() => (isPinged = false));
    }, keepaliveMs).unref();
    session.once("close", () => {
      this.#sessions.delete(session);
      this.#uses.delete(session);
      clearTimeout(timer);
      clearInterval(keepalive);
    });
  }
}

/**
 * Leaves a connection whose client has announced its end as it is, until the calls on it are over. Node.js marks it as
 * closed at once (`onGoawayData`), and from then on sends no ping, and notices neither an error nor the end of the
 * connection (24.21): a client that sends GOAWAY and then a broken frame would keep its place for good.
 */
function closeAfterLastStream(session: ServerHttp2Session, socket: Socket): ConnectionUse {
  let isLeaving = false;
  const use = new ConnectionUse(() => {
    closeIfOver();
  });
  const closeIfOver = (): void => {
    if (!isLeaving || use.open > 0) return;
    session.close();
    // Node.js waits for the client's end of it, which may never come.
    setTimeout(() => {
      socket.destroy();
    }, goodbyeMs).unref();
  };
  session.on("goaway", (code) => {
    if (code !== constants.NGHTTP2_NO_ERROR) return;
    // The next to call it is Node.js, as soon as this returns.
    session.close = () => {
      Reflect.deleteProperty(session, "close");
      isLeaving = true;
      closeIfOver();
    };
  });
  return use;
}

/** Closes a connection whose client keeps the server busy with answering pings and settings. */
function boundControlFrames(session: ServerHttp2Session): void {
  let count = 0;
  let beganAt = 0;
  const note = (): void => {
    if (++count <= maxControlFrames) return;
    const now = performance.now();
    if (now - beganAt < 1_000) session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    beganAt = now;
    count = 0;
  };
  session.on("ping", note);
  session.on("remoteSettings", note);
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

type Http2Server = NonNullable<ServerHttp2Session["server"]>;

/** What grpc-js keeps to itself. Throws where it has another name one day: nobody could connect. */
function http2ServerOf(server: Server): Http2Server {
  const servers: unknown = Reflect.get(server, "http2Servers");
  const [http2Server] = servers instanceof Map ? (servers.keys() as Iterable<Http2Server>) : [];
  if (http2Server === undefined) {
    throw new TypeError("this version of @grpc/grpc-js has its HTTP/2 servers elsewhere");
  }
  return http2Server;
}
