import type { IncomingHttpHeaders } from "node:http2";
import { experimental, Metadata } from "@grpc/grpc-js";
import { Code } from "./code.ts";
import { prefixBytes } from "./frame-reader.ts";
import { connectionOf, type ControlPlaneStatus, type QueuedCall } from "./grpc-js-internals.ts";
import { type AttemptListener, Http2Attempt } from "./http2-attempt.ts";
import type { Http2Method } from "./http2-channel.ts";
import { KeptRequests } from "./kept-requests.ts";
import { messageOf } from "./message-of.ts";
import { Retries } from "./retries.ts";
import { StreamHeader, StreamStatus } from "./stream-status.ts";
import type { WireCall, WireListener, WireRequest } from "./wire-call.ts";

/** For balancing that looks at metadata, which ours does not. */
const noMetadata = new Metadata();

/** How often a connection is asked for anew while the one that is picked is being closed. */
const maxPicks = 100;

/** How many bytes of headers are sent at the most: of more than 64 KiB, Node.js 24.21 takes none by itself. */
const maxSentHeaderBytes = 60 * 1024;

/** Codes that a name server or a balancer may not end a call with: https://github.com/grpc/proposal/blob/master/A54-restrict-control-plane-status-codes.md */
const serversCodes: ReadonlySet<Code> = new Set([
  ...[Code.OK, Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.ALREADY_EXISTS],
  ...[Code.FAILED_PRECONDITION, Code.ABORTED, Code.OUT_OF_RANGE, Code.DATA_LOSS],
]);

/**
 * A call that the kit makes itself: it waits for a connection, and is tried again where the service config says so
 * (https://github.com/grpc/proposal/blob/master/A6-client-retries.md), or where a server has not looked at it.
 */
export class Http2Call implements WireCall, AttemptListener {
  readonly #method: Http2Method;
  readonly #kept: KeptRequests;
  #request: WireRequest | undefined;
  #listener: WireListener | undefined;
  #attempt: Http2Attempt | undefined;
  /** Set once the channel has said how the method is called. */
  #retries: Retries | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  /** What waits for a connection in its place. */
  #queued: QueuedCall | undefined;
  #picks = 0;
  #onCallEnded: experimental.PickResult["onCallEnded"] = null;
  #isAsked = false;
  /** Whether the next request has to wait until there is a stream. */
  #isHeldBack = false;
  /** Whether there is no other attempt after this one. */
  #isCommitted = false;
  #isOver = false;

  constructor(method: Http2Method) {
    const { channel } = method;
    this.#method = method;
    this.#kept = new KeptRequests(channel, channel.settings.keptBytes.ofCall);
  }

  start(request: WireRequest, listener: WireListener): void {
    this.#request = request;
    this.#listener = listener;
    this.#method.channel.internals.onCallStart();
    this.#configure();
  }

  startRead(): void {
    this.#isAsked = true;
    this.#attempt?.startRead();
  }

  send(framed: Buffer): boolean {
    if (!this.#admits(framed)) return false;
    if (!this.#isCommitted) this.#kept.add(framed);
    if (this.#attempt !== undefined) {
      if (this.#kept.isFull) this.#commit();
      return this.#attempt.send(framed);
    }
    this.#isHeldBack = this.#kept.isFull;
    return !this.#isHeldBack;
  }

  end(framed?: Buffer): void {
    if (framed === undefined ? this.#isOver : !this.#admits(framed)) return;
    if (!this.#isCommitted) {
      if (framed !== undefined) this.#kept.add(framed);
      this.#kept.end();
    }
    this.#attempt?.end(framed);
  }

  cancel(details: string): void {
    this.#cancel(Code.CANCELLED, details);
  }

  onHeader(headers: IncomingHttpHeaders): void {
    this.#commit();
    this.#listener?.onHeader(new StreamHeader(headers, this.#retries?.count ?? 0));
  }

  onMessage(bytes: Buffer): void {
    this.#isAsked = false;
    this.#listener?.onMessage(bytes);
  }

  onWritable(): void {
    this.#listener?.onWritable();
  }

  /** An attempt has ended. */
  onEnd(status: StreamStatus): void {
    if (this.#isOver) return;
    this.#attempt = undefined;
    status.retries = this.#retries?.count ?? 0;
    this.#onCallEnded?.(status.code, status.details, this.#metadataOf(status));
    this.#onCallEnded = null;
    if (status.code === Code.OK) this.#retries?.succeeded();
    else if (this.#isTriedAgain(status)) return;
    this.#finish(status);
  }

  /** Asks the channel how the method is called: it may have to look its name up first. */
  #configure(): void {
    const { channel, path } = this.#method;
    const result = channel.internals.getConfig(path, this.#request?.metadata ?? noMetadata);
    if (result.type === "SUCCESS") {
      const { methodConfig, pickInformation } = result.config;
      const rules = this.#method.rulesOf(methodConfig);
      this.#retries = new Retries(rules, channel.settings.throttle);
      this.#pick(pickInformation);
    } else if (result.type === "NONE" || this.#waitsForReady) {
      channel.internals.queueCallForConfig(this.#place());
    } else {
      this.#fail(result.error);
    }
  }

  /** Asks the balancer for a connection. */
  #pick(pickInformation: Record<string, string> = {}): void {
    const { internals } = this.#method.channel;
    const picked = internals.doPick(this.#request?.metadata ?? noMetadata, pickInformation);
    const { pickResultType: type, subchannel, status } = picked;
    if (subchannel !== null) {
      this.#open(subchannel, picked);
    } else if (status === null || (type === pickTypes.TRANSIENT_FAILURE && this.#waitsForReady)) {
      internals.queueCallForPick(this.#place());
    } else if (type === pickTypes.DROP) {
      this.#fail(status);
    } else {
      setImmediate(() => {
        this.onEnd(restricted(status));
      });
    }
  }

  #open(subchannel: experimental.SubchannelInterface, picked: experimental.PickResult): void {
    const connection = connectionOf(subchannel.getRealSubchannel());
    if (connection === undefined) {
      this.#method.channel.isUsable = false;
      this.#fail({ code: Code.UNAVAILABLE, details: "the connection is not known" });
      return;
    }
    if (connection === null || connection.session.closed || connection.session.destroyed) {
      this.#pickAgain();
      return;
    }
    if (this.#request === undefined) return;
    this.#request.timing?.onSend();
    const headers = this.#method.headersOf(connection, this.#request, this.#retries?.count ?? 0);
    if (this.#request.metadata !== undefined && sizeOf(headers) > maxSentHeaderBytes) {
      // Node.js would close the connection over it, with all calls that are on it (`maxSendHeaderBlockLength`).
      const details = `the metadata have more than ${maxSentHeaderBytes} bytes`;
      this.#fail({ code: Code.RESOURCE_EXHAUSTED, details });
      return;
    }
    const { maxReceiveBytes } = this.#method.channel.settings;
    let attempt: Http2Attempt;
    try {
      attempt = new Http2Attempt(connection, headers, maxReceiveBytes, this);
    } catch (error) {
      const details = `Failed to start HTTP/2 stream with error ${messageOf(error)}`;
      this.#fail({ code: Code.INTERNAL, details });
      return;
    }
    this.#attempt = attempt;
    picked.onCallStarted?.();
    this.#onCallEnded = picked.onCallEnded;
    if (this.#isAsked) attempt.startRead();
    this.#kept.sendOn(attempt);
    if (this.#kept.isFull) this.#commit();
    if (!this.#isHeldBack) return;
    this.#isHeldBack = false;
    this.#listener?.onWritable();
  }

  /** The connection has just been made, or is being closed, of which the balancer is told in a moment. */
  #pickAgain(): void {
    this.#picks += 1;
    setImmediate(() => {
      if (this.#isOver) return;
      if (this.#picks < maxPicks) this.#pick();
      else this.onEnd(new StreamStatus(Code.UNAVAILABLE, "the connection is closed"));
    });
  }

  /** Whether the call is tried again, which then is under way. */
  #isTriedAgain(status: StreamStatus): boolean {
    const retries = this.#retries;
    if (retries === undefined || this.#isCommitted) return false;
    if (retries.isFree(status)) {
      this.#pick();
      return true;
    }
    const waitMs = retries.waitAfter(status);
    if (waitMs === undefined) return false;
    this.#retryTimer = setTimeout(() => {
      // Of a call whose deadline has passed by then, nobody waits for the answer.
      if (!retries.isAllowed || Date.now() >= (this.#request?.timing?.endsAt ?? Infinity)) {
        this.#finish(status);
        return;
      }
      retries.count += 1;
      this.#pick();
    }, waitMs);
    return true;
  }

  /** This attempt is the last: something has come of it, or more has been sent than is kept. */
  #commit(): void {
    if (this.#isCommitted) return;
    this.#isCommitted = true;
    this.#kept.drop();
  }

  /** Whether a request may be sent; the call ends where it is too large. */
  #admits(framed: Buffer): boolean {
    if (this.#isOver) return false;
    const { maxSendBytes } = this.#method.channel.settings;
    if (framed.length - prefixBytes <= maxSendBytes) return true;
    const details = `Attempted to send message with a size larger than ${maxSendBytes}`;
    this.#cancel(Code.RESOURCE_EXHAUSTED, details);
    return false;
  }

  #cancel(code: Code, details: string): void {
    if (this.#isOver) return;
    this.#commit();
    if (this.#attempt === undefined) this.#finish(new StreamStatus(code, details));
    else this.#attempt.cancel(code, details);
  }

  /** Ends the call before it has begun. */
  #fail(status: ControlPlaneStatus): void {
    setImmediate(() => {
      this.#finish(restricted(status));
    });
  }

  #finish(status: StreamStatus): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#kept.drop();
    clearTimeout(this.#retryTimer);
    const { internals } = this.#method.channel;
    if (this.#queued !== undefined) internals.removeCallFromPickQueue(this.#queued);
    internals.onCallEnd(status);
    this.#listener?.onStatus(status);
  }

  get #waitsForReady(): boolean {
    return this.#request?.metadata?.getOptions().waitForReady === true;
  }

  /** What waits in grpc-js's queues. */
  #place(): QueuedCall {
    this.#queued ??= {
      getConfig: () => {
        if (!this.#isOver) this.#configure();
      },
      reportResolverError: (error) => {
        if (this.#isOver) return;
        if (this.#waitsForReady) this.#configure();
        else this.#fail(error);
      },
      doPick: () => {
        if (!this.#isOver) this.#pick();
      },
      cancelWithStatus: (code, details) => {
        // Not before whoever closes the channel has said why.
        process.nextTick(() => {
          this.#cancel(code, details);
        });
      },
    };
    return this.#queued;
  }

  /** Of what nobody reads, no metadata are made. */
  #metadataOf(status: StreamStatus): Metadata {
    return this.#method.channel.settings.balancesByTrailers ? status.metadata : noMetadata;
  }
}

const pickTypes = experimental.PickResultType;

function restricted({ code, details }: ControlPlaneStatus): StreamStatus {
  return serversCodes.has(code)
    ? new StreamStatus(Code.INTERNAL, `Invalid status from control plane: ${code} ${details}`)
    : new StreamStatus(code, details);
}

/** How large headers are, as HTTP/2 counts them (RFC 9113, section 6.5.2). */
function sizeOf(headers: readonly string[]): number {
  let bytes = 0;
  // Of each name and its value, together 32 more.
  for (const each of headers) bytes += each.length + 16;
  return bytes;
}
