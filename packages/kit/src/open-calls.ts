import type { ServerHttp2Stream } from "node:http2";
import type { AdaptiveLimit } from "./adaptive-limit.ts";
import { Code } from "./code.ts";
import type { GatedMethod } from "./gated-method.ts";
import { streamOf } from "./http2-stream.ts";
import { isStreamOfRequests, OpenCall } from "./open-call.ts";
import { Refusal } from "./refusal.ts";

/**
 * How many bytes of requests may wait for their handlers, in all: what has been decompressed, or has come in part. Calls
 * that are opened and left so would fill the memory otherwise, however small the limit of each is.
 */
const maxHeldBytes = 64 * 1024 * 1024;

/** How often calls are looked for whose peers do not go on, in milliseconds. */
const lookIntervalMs = 500;

/** How long an answer that is complete may wait for its client to read it, in milliseconds. */
const answerTimeoutMs = 60_000;

/** How long a request may be on its way before its call makes way for others where there is no room, in milliseconds. */
const graceMs = 500;

/** What a server bounds its calls by. */
export interface OpenCallsOptions {
  readonly limit: AdaptiveLimit;
  /** How long the next bytes of a request may take, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** How large the largest request of all methods may be, in bytes. */
  readonly maxRequestBytes: number;
}

/** All calls of a server, from their first byte to their last. */
export class OpenCalls {
  readonly #calls = new Map<ServerHttp2Stream, OpenCall>();
  readonly #limit: AdaptiveLimit;
  readonly #maxHeldBytes: number;
  readonly #timer: NodeJS.Timeout;
  /** Those of which part of the one request is missing, the oldest first. */
  readonly #incomplete = new Set<OpenCall>();
  #heldBytes = 0;
  #healthCalls = 0;
  #arriving = 0;

  constructor({ limit, requestTimeoutMs, maxRequestBytes }: OpenCallsOptions) {
    this.#limit = limit;
    this.#maxHeldBytes = Math.max(maxHeldBytes, 2 * maxRequestBytes);
    const late = Refusal.final(
      Code.DEADLINE_EXCEEDED,
      `the request was not complete ${requestTimeoutMs} ms after its last bytes`,
    );
    const stalls = { requestMs: requestTimeoutMs, answerMs: answerTimeoutMs };
    this.#timer = setInterval(() => {
      const now = performance.now();
      for (const call of this.#calls.values()) if (call.isStalled(now, stalls)) call.end(late);
    }, lookIntervalMs).unref();
  }

  /** How many there are, health checks left out. */
  get size(): number {
    return this.#calls.size - this.#healthCalls;
  }

  /** How many of them are health checks. */
  get healthCalls(): number {
    return this.#healthCalls;
  }

  /** How many calls have come in this turn of the event loop whose handlers have not begun. */
  get arriving(): number {
    return this.#arriving;
  }

  /** A call has come. */
  add(stream: ServerHttp2Stream, method: GatedMethod): void {
    const call = new OpenCall(this, stream, method, performance.now());
    this.#calls.set(stream, call);
    if (method.kind === "health") this.#healthCalls += 1;
    else if (!isStreamOfRequests(method)) this.#incomplete.add(call);
    if (method.kind !== "unary") return;
    // A request that is not complete by then is still on its way, or never will be: it is no work yet.
    if (this.#arriving === 0) setImmediate(this.#arrived);
    this.#arriving += 1;
  }

  /** The call that grpc-js has made of a stream. */
  of(call: object): OpenCall | undefined {
    const stream = streamOf(call);
    return stream && this.#calls.get(stream);
  }

  /**
   * Ends the oldest call of which no more than part of the request has come in half a second. False where there is
   * none.
   */
  makeRoom(refusal: Refusal): boolean {
    const [oldest] = this.#incomplete;
    if (oldest === undefined || performance.now() - oldest.beganAt < graceMs) return false;
    this.remove(oldest);
    oldest.end(refusal);
    return true;
  }

  /**
   * Counts more bytes of requests that wait for their handlers, or fewer. Where they are too many, the oldest calls
   * make way; false where the one that asks is among them.
   */
  hold(call: OpenCall, more: number): boolean {
    this.#heldBytes += more;
    while (this.#heldBytes > this.#maxHeldBytes) {
      const [oldest] = this.#incomplete;
      if (oldest === call || !this.makeRoom(tooManyWait)) return false;
    }
    return true;
  }

  /** A call's handler begins. */
  begun(call: OpenCall): void {
    this.#incomplete.delete(call);
    if (call.method.kind !== "unary") return;
    this.#limit.begin();
    if (this.#arriving > 0) this.#arriving -= 1;
  }

  /** The handler of a call has settled, so many milliseconds after it could begin. */
  settled({ method }: OpenCall, ms: number, succeeded: boolean): void {
    if (method.kind === "unary") this.#limit.end(method.latency, ms, succeeded);
  }

  /** A call is over. */
  remove(call: OpenCall): void {
    this.#incomplete.delete(call);
    call.release();
    if (this.#calls.delete(call.stream) && call.method.kind === "health") this.#healthCalls -= 1;
  }

  /** Looks for stalled calls no more. */
  close(): void {
    clearInterval(this.#timer);
  }

  readonly #arrived = (): void => {
    this.#arriving = 0;
  };
}

const tooManyWait = Refusal.forNow(
  Code.RESOURCE_EXHAUSTED,
  "the requests that wait to be answered take too much memory",
);
