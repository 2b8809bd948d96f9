import type { ClientHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import type { Logger } from "./logger.ts";

/** How often it is looked whether peers that owe an answer have sent anything, in milliseconds. */
const lookIntervalMs = 100;

/**
 * How long a peer that owes an answer may send nothing before it counts as silent, in milliseconds, on top of
 * the time between two pings, of which each has to be answered. A process that is busy for as long is passed
 * over for as long, which harms nobody.
 */
const patienceMs = 350;

/**
 * After how much silence a connection is closed, in milliseconds, so that what waits for it fails, and may be tried
 * again: soon where another replica answers, and later where there is none.
 */
const giveUpMs = { withOthers: 3_000, alone: 10_000 };

/** How a channel treats its peers. */
export interface PeerOptions {
  /** How far apart pings are while calls wait, in milliseconds. */
  readonly keepaliveMs: number;
  /** Where to log that a peer is silent; nowhere where there is none. */
  readonly logger: Logger | undefined;
  /** Whether there are other connections to the same replica. */
  readonly isOneOfSeveral: boolean;
  /** Told how many streams at a time the peer allows on a connection. */
  readonly onStreamLimit: (maxConcurrentStreams: number) => void;
}

/**
 * The other end of a connection. A process that hangs, or a host that is cut off, leaves its connections open: that
 * it is gone is told by its silence alone.
 *
 * grpc-js's own keepalive is of no use for that: it takes a connection that is being closed, and cannot be pinged
 * for that, for one that is dead, and drops the calls on it (1.14.7, `maybeSendPing`).
 */
export class Peer {
  readonly #options: PeerOptions;
  #socket: Socket | undefined;
  #session: ClientHttp2Session | undefined;
  #isPinged = false;
  #waiting = 0;
  #bytesRead = 0;
  #heardAt = 0;
  #pingedAt = 0;
  #isSilent = false;
  #hasOthers = false;

  constructor(options: PeerOptions) {
    this.#options = options;
  }

  /** Whether it owes an answer and has sent nothing for a while, not even to pings. */
  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** Whether it need not be looked at any more. That it hangs is true until it says something, or is closed. */
  get isAtRest(): boolean {
    return this.#waiting === 0 && !this.#isSilent;
  }

  /** A connection to it is being made, in place of the one before. */
  connecting(socket: Socket): void {
    this.#socket = socket;
    this.#session = undefined;
  }

  /** The connection has been made. */
  established(session: ClientHttp2Session): void {
    this.#session = session;
    this.#isPinged = false;
    this.#heard();
    this.#options.onStreamLimit(session.remoteSettings.maxConcurrentStreams ?? Infinity);
  }

  /** Closes the connection, where it is still being made. */
  stopConnecting(): void {
    if (this.#session !== undefined || this.#socket?.destroyed !== false) return;
    this.#warn("a replica accepts connections and says nothing: trying again");
    this.#socket.destroy();
  }

  /** It was passed over, as it is silent, and another was not. */
  passedOver(): void {
    this.#hasOthers = true;
  }

  /** A call waits for its answer from now on. */
  readonly callStarted = (): void => {
    if (this.isAtRest) {
      this.#heard();
      this.#pingedAt = this.#heardAt;
      watch(this);
    }
    this.#waiting += 1;
  };

  /** A call waits no more. */
  readonly callEnded = (): void => {
    this.#waiting -= 1;
  };

  /** Looks whether something has come since the last look; `lostMs` is how long nobody could look. */
  look(lostMs: number): void {
    const session = this.#session;
    // What cannot be pinged owes nothing: a connection that is being made, or is being closed by either side.
    if (session === undefined || session.closed || session.destroyed) {
      this.#heard();
      return;
    }
    if (this.#socket?.bytesRead === this.#bytesRead) this.#heardAt += lostMs;
    else this.#heard();
    const now = performance.now();
    const { keepaliveMs } = this.#options;
    const overdueMs = now - this.#heardAt - keepaliveMs;
    const isSilent = overdueMs > patienceMs;
    if (isSilent && !this.#isSilent) {
      this.#warn("a replica has gone silent: new calls pass it over while another answers");
    }
    this.#isSilent = isSilent;
    const hasOthers = this.#hasOthers || this.#options.isOneOfSeveral;
    if (overdueMs > (hasOthers ? giveUpMs.withOthers : giveUpMs.alone)) {
      this.#warn("a replica stays silent: closing the connection to it");
      this.#socket?.destroy();
    } else if (now - this.#pingedAt >= keepaliveMs && !this.#isPinged) {
      this.#pingedAt = now;
      this.#isPinged = session.ping(() => {
        if (session === this.#session) this.#isPinged = false;
      });
    }
  }

  #heard(): void {
    this.#bytesRead = this.#socket?.bytesRead ?? 0;
    this.#heardAt = performance.now();
    this.#isSilent = false;
    this.#hasOthers = false;
  }

  #warn(text: string): void {
    const { remoteAddress, remotePort } = this.#socket ?? {};
    this.#options.logger?.warn({ remoteAddress, remotePort }, text);
  }
}

const watched = new Set<Peer>();
let timer: NodeJS.Timeout | undefined;
let lookedAt = 0;

function watch(peer: Peer): void {
  watched.add(peer);
  if (timer !== undefined) return;
  lookedAt = performance.now();
  // Whoever waits for an answer keeps the process alive by its connection.
  timer = setInterval(lookAtAll, lookIntervalMs).unref();
}

function lookAtAll(): void {
  const now = performance.now();
  // While this process was busy itself, what came was not read.
  const lostMs = Math.max(0, now - lookedAt - lookIntervalMs);
  lookedAt = now;
  for (const peer of watched) {
    peer.look(lostMs);
    if (peer.isAtRest) watched.delete(peer);
  }
  if (watched.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}
