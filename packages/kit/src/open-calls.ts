import type { ServerHttp2Stream } from "node:http2";
import type { AdaptiveLimit } from "./adaptive-limit.ts";
import { Code } from "./code.ts";
import type { GatedMethod } from "./gated-method.ts";
import { streamOf } from "./http2-stream.ts";
import { OpenCall } from "./open-call.ts";
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
  #heldBytes = 0;
  #healthCalls = 0;

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

  /** A call has come. */
  add(stream: ServerHttp2Stream, method: GatedMethod): void {
    const call = new OpenCall(this, stream, method, performance.now());
    this.#calls.set(stream, call);
    if (method.kind === "health") this.#healthCalls += 1;
    if (method.kind === "unary") this.#limit.begin();
  }

  /** The call that grpc-js has made of a stream. */
  of(call: object): OpenCall | undefined {
    const stream = streamOf(call);
    return stream && this.#calls.get(stream);
  }

  /** Counts more bytes of requests that wait, or fewer. False where they are too many now. */
  hold(more: number): boolean {
    this.#heldBytes += more;
    return this.#heldBytes <= this.#maxHeldBytes;
  }

  /** The call of a stream is over. */
  remove(stream: ServerHttp2Stream, { method, isSettled }: OpenCall): void {
    if (!this.#calls.delete(stream)) return;
    if (method.kind === "health") this.#healthCalls -= 1;
    if (method.kind === "unary" && !isSettled) this.#limit.forget();
  }

  /** The handler of a call has settled, so many milliseconds after the call came. */
  settled({ method }: OpenCall, ms: number, succeeded: boolean): void {
    if (method.kind === "unary") this.#limit.end(method.latency, ms, succeeded);
  }

  /** Looks for stalled calls no more. */
  close(): void {
    clearInterval(this.#timer);
  }
}
