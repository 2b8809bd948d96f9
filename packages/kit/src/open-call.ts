import { constants, type ServerHttp2Stream } from "node:http2";
import type { RecordedTrace } from "./call-trace.ts";
import { Code } from "./code.ts";
import type { ConnectionUse } from "./connection-use.ts";
import type { GatedMethod } from "./gated-method.ts";
import { Holding } from "./held-bytes.ts";
import type { Link } from "./linked-list.ts";
import type { OpenCalls } from "./open-calls.ts";
import type { Refusal } from "./refusal.ts";
import type { ServerCall } from "./server-call.ts";

/** How long what a peer owes may take, in milliseconds. */
export interface Stalls {
  /** The next bytes of a request. */
  readonly requestMs: number;
  /** The reading of an answer that is complete. */
  readonly answerMs: number;
}

/**
 * A call from its first byte to its last, as it is on the wire: what bounds a server counts these. It is open until
 * its stream is closed and its handler has settled.
 */
export class OpenCall {
  readonly method: GatedMethod;
  readonly stream: ServerHttp2Stream;
  /** When it came, by `performance.now()`. */
  readonly beganAt: number;
  /** The call of ours that it is; undefined for what others answer. */
  served: ServerCall | undefined;
  /** How its connection is used. */
  use: ConnectionUse | undefined;
  /** Where it is in the list of all. */
  place: Link<OpenCall> | undefined;
  /** Where it is in the list of those that wait for their peers; undefined while it does not. */
  waitingPlace: Link<OpenCall> | undefined;
  /** Where it is in a trace, if it is recorded. */
  trace: RecordedTrace | undefined;
  readonly #calls: OpenCalls;
  /** When its request was there, by `performance.now()`. */
  #readyAt = 0;
  /** Since when the next bytes of a request are missing; undefined while none are. */
  #waitingSince: number | undefined;
  #isCutShort = false;
  /** Since when the request that is not complete has been on its way. */
  #partSince: number;
  #settledAt: number | undefined;
  #isHandled = false;
  #isWorkOver = false;
  #closedAt: number | undefined;
  #isReleased = false;
  #isCounted = false;
  #heldRequests: Holding<OpenCall> | undefined;
  #heldAnswer: Holding<OpenCall> | undefined;
  /** Of the request that has come in part, or was decompressed. */
  #partBytes = 0;
  /** Of the requests that wait for the handler. */
  #queuedBytes = 0;

  constructor(calls: OpenCalls, stream: ServerHttp2Stream, method: GatedMethod, beganAt: number) {
    this.#calls = calls;
    this.stream = stream;
    this.method = method;
    this.beganAt = beganAt;
    this.#partSince = beganAt;
    method.metrics.started += 1;
    // Of a stream of requests, none need ever come.
    if (!isStreamOfRequests(method)) this.#waitingSince = beganAt;
    stream.on("close", () => {
      this.#closedAt = performance.now();
      if (!this.#isCounted) this.ended(codeSentOn(stream));
      this.use?.callOver();
      this.served?.closed();
      // The work of a handler that goes on is for nobody.
      if (this.#isHandled) this.#endWork(false);
      else calls.remove(this);
    });
  }

  /** Whether a request has come in part. */
  get isCutShort(): boolean {
    return this.#isCutShort;
  }

  /** Whether its handler is at work. */
  get isHandled(): boolean {
    return this.#isHandled;
  }

  /**
   * How many bytes a request has that has come in part, or was decompressed for a handler that has not begun. False where
   * that is more than all calls together may hold.
   */
  holdPart(bytes: number): boolean {
    this.#partBytes = bytes;
    return this.#holdRequests();
  }

  /** How many bytes the requests have that wait for its handler. False where all calls together hold too many. */
  holdQueued(bytes: number): boolean {
    this.#queuedBytes = bytes;
    return this.#holdRequests();
  }

  /** How many bytes its whole answer has, which is on its way. False where too many are. */
  holdAnswer(bytes: number): boolean {
    if (this.#isReleased) return true;
    this.#heldAnswer ??= new Holding<OpenCall>(this);
    return this.#calls.heldAnswers.hold(this.#heldAnswer, bytes);
  }

  #holdRequests(): boolean {
    // What comes after that is thrown away.
    if (this.#isReleased) return true;
    const bytes = this.#partBytes + this.#queuedBytes;
    if (bytes > 0) this.#heldRequests ??= new Holding<OpenCall>(this);
    return (
      this.#heldRequests === undefined || this.#calls.heldRequests.hold(this.#heldRequests, bytes)
    );
  }

  /** None of its bytes count any more. */
  release(): void {
    if (this.#isReleased) return;
    const { heldRequests, heldAnswers } = this.#calls;
    if (this.#heldRequests !== undefined) heldRequests.hold(this.#heldRequests, 0);
    if (this.#heldAnswer !== undefined) heldAnswers.hold(this.#heldAnswer, 0);
    this.#isReleased = true;
  }

  /** Its status is on its way, or it has ended without one. */
  ended(code: number): void {
    if (this.#isCounted) return;
    this.#isCounted = true;
    this.method.metrics.ended(code, performance.now() - this.beganAt);
    this.trace?.end(code);
  }

  /** Since when it has waited for its peer, by `performance.now()`. */
  get waitsSince(): number {
    return this.#settledAt ?? this.#partSince;
  }

  /** Whether nobody waits for it any more. */
  get isOver(): boolean {
    return this.#isReleased;
  }

  /** Whether its handler has settled. */
  get isSettled(): boolean {
    return this.#settledAt !== undefined;
  }

  /** Bytes have come, and others of the same request are missing. */
  waitForMore(): void {
    const now = performance.now();
    this.#waitingSince = now;
    if (isStreamOfRequests(this.method) && !this.#isCutShort) {
      this.#partSince = now;
      this.#calls.waits(this);
    }
    this.#isCutShort = true;
  }

  /** A request is complete. Of the one of a call that takes no more, the end is still missing. */
  requestIsThere(): void {
    this.#isCutShort = false;
    if (isStreamOfRequests(this.method)) this.owesNothing();
    else this.#waitingSince = performance.now();
  }

  /** Its peer owes nothing: no request, no end, and nothing of what has come in part. */
  owesNothing(): void {
    this.#waitingSince = undefined;
    this.#calls.goesOn(this);
  }

  /** The handler begins. */
  handlerBegins(): void {
    this.#isHandled = true;
    this.#waitingSince = undefined;
    this.#readyAt = performance.now();
    this.#calls.begun(this);
    if (this.#partBytes > 0) this.holdPart(0);
  }

  /** The handler has settled; `succeeded`: with an answer. */
  handlerSettled(succeeded: boolean): void {
    this.#isHandled = false;
    this.#settledAt = performance.now();
    this.#endWork(succeeded);
    if (this.#closedAt !== undefined) this.#calls.remove(this);
  }

  /** Whether its handler has gone on for so many milliseconds after the call was over. */
  isLeftBehind(now: number, ms: number): boolean {
    return this.#isHandled && this.#closedAt !== undefined && now - this.#closedAt > ms;
  }

  #endWork(succeeded: boolean): void {
    if (this.#isWorkOver) return;
    this.#isWorkOver = true;
    this.#calls.settled(this, performance.now() - this.#readyAt, succeeded);
  }

  /** Whether its peer does not go on: with its request, or with reading the answer. */
  isStalled(now: number, { requestMs, answerMs }: Stalls): boolean {
    // Of handlers that are not ours, nobody says when they begin.
    if (this.stream.readableEnded) this.#waitingSince = undefined;
    if (this.#waitingSince !== undefined) {
      // Whoever sends a byte now and then does not go on either.
      const isEndless = now - this.#partSince > 8 * requestMs;
      return isEndless || now - this.#waitingSince > requestMs;
    }
    return this.#settledAt !== undefined && now - this.#settledAt > answerMs;
  }

  /** Ends the stream, with a status where none was sent yet. */
  end(refusal: Refusal): void {
    const stream = this.stream;
    if (stream.destroyed || stream.closed) return;
    this.ended(refusal.code);
    if (stream.headersSent) stream.close(constants.NGHTTP2_CANCEL);
    else refusal.send(stream);
  }
}

/** Whether a method takes any number of requests, none included. */
export function isStreamOfRequests({ kind }: GatedMethod): boolean {
  return kind === "clientStream" || kind === "bidi";
}

/** The status that was sent on a stream, whoever did; without any, its client has given up. */
function codeSentOn({ sentTrailers, sentHeaders }: ServerHttp2Stream): number {
  const code = sentTrailers?.["grpc-status"] ?? sentHeaders?.["grpc-status"];
  if (code !== undefined) return Number(code);
  // What is no gRPC is told so by HTTP's.
  return (sentHeaders?.[":status"] ?? 200) === 200 ? Code.CANCELLED : Code.UNKNOWN;
}
