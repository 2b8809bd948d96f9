import type { ClientHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import type { Logger } from "./logger.ts";

/**
 * How long a peer that owes an answer may send nothing before it counts as silent, in milliseconds, on top of
 * the time between two pings, of which each has to be answered. A process that is busy for as long is passed
 * over for as long, which harms nobody.
 */
const patienceMs = 350;

/** After how much silence the connections to a peer are closed, in milliseconds, so that what waits for it fails. */
const giveUpMs = 3_000;

/** What a peer has to do with those who know it. */
export interface PeerEvents {
  /** A call waits: the peer has to be looked at from now on. */
  readonly waiting: (peer: Peer) => void;
  /** There is no connection to it any more. */
  readonly gone: (peer: Peer) => void;
}

/**
 * The connections to one address, of all channels of this process. A process that hangs, or a host that is cut
 * off, leaves its connections open: that it is gone is told by its silence alone.
 *
 * grpc-js's own keepalive is of no use for that: it takes a connection that is being closed, and cannot be pinged
 * for that, for one that is dead, and drops the calls on it (1.14.7, `maybeSendPing`).
 */
export class Peer {
  readonly address: string;
  readonly #events: PeerEvents;
  readonly #connecting = new Set<Socket>();
  /** The connections that are made, each with whether a ping is under way. */
  readonly #sessions = new Map<ClientHttp2Session, boolean>();
  readonly #sockets = new Set<Socket>();
  /** Of the channels that share the connections, that of the last which has one. */
  #logger: Logger | undefined;
  #keepaliveMs = 0;
  #waiting = 0;
  #bytesRead = 0;
  #heardAt = 0;
  #pingedAt = 0;
  #isSilent = false;

  constructor(address: string, events: PeerEvents) {
    this.address = address;
    this.#events = events;
  }

  /** Whether it owes an answer and has sent nothing for a while, not even to pings. */
  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** Whether it need not be looked at any more. That it hangs is true until it says something, or is closed. */
  get isAtRest(): boolean {
    return this.#waiting === 0 && !this.#isSilent;
  }

  /** A connection to it is being made. While calls wait, it is pinged each time that many milliseconds have passed. */
  add(socket: Socket, keepaliveMs: number, logger: Logger | undefined): void {
    this.#keepaliveMs = keepaliveMs;
    this.#logger = logger ?? this.#logger;
    this.#sockets.add(socket);
    this.#connecting.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#connecting.delete(socket);
      if (this.#sockets.size === 0) this.#events.gone(this);
    });
  }

  /** A connection has been made. */
  established(session: ClientHttp2Session): void {
    // Of several to one address, those that are still being made have begun later: they have their own time.
    this.#connecting.clear();
    this.#sessions.set(session, false);
    session.once("close", () => this.#sessions.delete(session));
  }

  /** Closes the connections that are still being made. */
  stopConnecting(): void {
    if (this.#connecting.size === 0) return;
    this.#warn("a replica accepts connections and says nothing: trying again");
    for (const socket of this.#connecting) socket.destroy();
  }

  /** A call waits for its answer from now on. */
  readonly callStarted = (): void => {
    if (this.isAtRest) {
      this.#heard(this.#countBytes());
      this.#pingedAt = this.#heardAt;
      this.#events.waiting(this);
    }
    this.#waiting += 1;
  };

  /** A call waits no more. */
  readonly callEnded = (): void => {
    this.#waiting -= 1;
  };

  /** Looks whether something has come since the last look; `lostMs` is how long nobody could look. */
  look(lostMs: number): void {
    const bytesRead = this.#countBytes();
    // What cannot be pinged owes nothing: connections that are being closed, by either side.
    if (bytesRead !== this.#bytesRead || !this.#canBePinged()) {
      this.#heard(bytesRead);
    } else {
      this.#heardAt += lostMs;
    }
    const now = performance.now();
    const silentMs = now - this.#heardAt;
    const isSilent = silentMs > this.#keepaliveMs + patienceMs;
    if (isSilent && !this.#isSilent) {
      this.#warn("a replica has gone silent: new calls pass it over while another answers");
    }
    this.#isSilent = isSilent;
    if (silentMs > this.#keepaliveMs + giveUpMs && this.#sockets.size > 0) {
      this.#warn("a replica stays silent: closing the connections to it");
      for (const socket of this.#sockets) socket.destroy();
    } else if (now - this.#pingedAt >= this.#keepaliveMs) {
      this.#pingedAt = now;
      for (const [session, isPinged] of this.#sessions) if (!isPinged) this.#ping(session);
    }
  }

  #ping(session: ClientHttp2Session): void {
    if (session.closed || session.destroyed) return;
    const sent = session.ping(() => {
      if (this.#sessions.has(session)) this.#sessions.set(session, false);
    });
    if (sent) this.#sessions.set(session, true);
  }

  #canBePinged(): boolean {
    for (const { closed, destroyed } of this.#sessions.keys()) {
      if (!closed && !destroyed) return true;
    }
    return false;
  }

  #warn(text: string): void {
    this.#logger?.warn({ replica: this.address }, text);
  }

  #heard(bytesRead: number): void {
    this.#bytesRead = bytesRead;
    this.#heardAt = performance.now();
    this.#isSilent = false;
  }

  #countBytes(): number {
    let bytes = 0;
    for (const socket of this.#sockets) bytes += socket.bytesRead;
    return bytes;
  }
}
