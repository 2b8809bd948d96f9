import type { ServerHttp2Stream } from "node:http2";
import type { AdaptiveLimit } from "./adaptive-limit.ts";
import { Code } from "./code.ts";
import type { GatedMethod } from "./gated-method.ts";
import { HeldBytes } from "./held-bytes.ts";
import { LinkedList } from "./linked-list.ts";
import { isStreamOfRequests, OpenCall } from "./open-call.ts";
import { Refusal } from "./refusal.ts";

/**
 * How many bytes of requests calls may hold in all: of those that have come in part, were decompressed or wait for their
 * handlers. Calls that are opened and left so would fill the memory otherwise, however small the limit of each is.
 */
const maxRequestsBytes = 64 * 1024 * 1024;

/**
 * How many bytes of answers may be on their way, where an answer is one message; those of streams wait for their
 * readers. Where there are more, those make way that have not been read for so many milliseconds.
 */
const maxAnswersBytes = 256 * 1024 * 1024;
const answerGraceMs = 5_000;

/** How often calls are looked for whose peers do not go on, in milliseconds. */
const lookIntervalMs = 500;

/** How long an answer that is complete may wait for its client to read it, in milliseconds. */
const answerTimeoutMs = 60_000;

/** How long a request may be on its way before its call makes way for others where there is no room, in milliseconds. */
const graceMs = 500;

/**
 * How long a handler counts that goes on after its call is over, in milliseconds: one that never ends must not keep
 * others out for good.
 */
const leftBehindMs = 5_000;

/** How many health checks there may be at a time, those that watch included. */
const maxHealthCalls = 1_000;

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
  readonly heldRequests: HeldBytes<OpenCall>;
  readonly heldAnswers: HeldBytes<OpenCall>;
  /** Those that are no health checks. */
  readonly #calls = new LinkedList<OpenCall>();
  readonly #health = new LinkedList<OpenCall>();
  readonly #limit: AdaptiveLimit;
  readonly #timer: NodeJS.Timeout;
  /** Those that wait for their peers: for the rest of a request, or to read the answer; the oldest first. */
  readonly #waiting = new LinkedList<OpenCall>();
  #arriving = 0;

  constructor({ limit, requestTimeoutMs, maxRequestBytes }: OpenCallsOptions) {
    this.#limit = limit;
    const makeWay = (call: OpenCall): void => {
      this.remove(call);
      call.end(tooManyBytes);
    };
    this.heldRequests = new HeldBytes({
      maxBytes: Math.max(maxRequestsBytes, 2 * maxRequestBytes),
      graceMs,
      end: makeWay,
    });
    this.heldAnswers = new HeldBytes({
      maxBytes: maxAnswersBytes,
      graceMs: answerGraceMs,
      end: makeWay,
    });
    const late = Refusal.final(
      Code.DEADLINE_EXCEEDED,
      `the request was not complete ${requestTimeoutMs} ms after its last bytes`,
    );
    const stalls = { requestMs: requestTimeoutMs, answerMs: answerTimeoutMs };
    this.#timer = setInterval(() => {
      const now = performance.now();
      for (const call of [...this.#calls.values(), ...this.#health.values()]) {
        if (call.isLeftBehind(now, leftBehindMs)) this.remove(call);
        else if (call.isStalled(now, stalls)) call.end(late);
        // Most are read at once.
        else if (call.isSettled) this.waits(call);
      }
    }, lookIntervalMs).unref();
  }

  /** How many there are, health checks left out. */
  get size(): number {
    return this.#calls.size;
  }

  /** How many calls have come in this turn of the event loop whose handlers have not begun. */
  get arriving(): number {
    return this.#arriving;
  }

  /** A call has come. */
  add(stream: ServerHttp2Stream, method: GatedMethod): OpenCall {
    const call = new OpenCall(this, stream, method, performance.now());
    if (method.kind === "health") {
      this.#addHealth(call);
    } else {
      call.place = this.#calls.add(call);
      this.waits(call);
    }
    if (method.kind !== "unary") return call;
    // A request that is not complete by then is still on its way, or never will be: it is no work yet.
    if (this.#arriving === 0) setImmediate(this.#arrived);
    this.#arriving += 1;
    return call;
  }

  /** Ends the oldest call that has waited for its peer for half a second. False where there is none. */
  makeRoom(refusal: Refusal): boolean {
    const { first: oldest } = this.#waiting;
    if (oldest === undefined || performance.now() - oldest.waitsSince < graceMs) return false;
    this.remove(oldest);
    oldest.end(refusal);
    return true;
  }

  /** A call waits for its peer: for its request, the rest of the next one, or to read the answer. */
  waits(call: OpenCall): void {
    if (!call.isOver) call.waitingPlace ??= this.#waiting.add(call);
  }

  /** It does not any more. */
  goesOn(call: OpenCall): void {
    if (call.waitingPlace === undefined) return;
    this.#waiting.remove(call.waitingPlace);
    call.waitingPlace = undefined;
  }

  /** A call's handler begins. */
  begun(call: OpenCall): void {
    if (!isStreamOfRequests(call.method)) this.goesOn(call);
    if (call.method.kind !== "unary") return;
    this.#limit.begin(call.method.latency);
    if (this.#arriving > 0) this.#arriving -= 1;
  }

  /** The handler of a call has settled, so many milliseconds after it could begin. */
  settled({ method }: OpenCall, ms: number, succeeded: boolean): void {
    if (method.kind === "unary") this.#limit.end(method.latency, ms, succeeded);
  }

  /** A call is over. */
  remove(call: OpenCall): void {
    this.goesOn(call);
    if (call.place !== undefined) this.#listOf(call).remove(call.place);
    call.release();
  }

  /** Looks for stalled calls no more. */
  close(): void {
    clearInterval(this.#timer);
  }

  /** They are answered whatever else there is, and so many at a time: of more, the oldest make way. */
  #addHealth(call: OpenCall): void {
    call.place = this.#health.add(call);
    const { first: oldest } = this.#health;
    if (this.#health.size <= maxHealthCalls || oldest === undefined) return;
    this.remove(oldest);
    oldest.end(tooManyHealthCalls);
  }

  #listOf({ method }: OpenCall): LinkedList<OpenCall> {
    return method.kind === "health" ? this.#health : this.#calls;
  }

  readonly #arrived = (): void => {
    this.#arriving = 0;
  };
}

const tooManyBytes = Refusal.forNow(
  Code.RESOURCE_EXHAUSTED,
  "the calls that wait take too much memory",
);

const tooManyHealthCalls = Refusal.forNow(Code.UNAVAILABLE, "there are too many health checks");
