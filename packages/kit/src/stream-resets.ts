import { type PendingDeadline, setDeadline } from "./deadline-queue.ts";

/**
 * How long after its deadline a call's stream is left to the server, in milliseconds: a server that knows the
 * deadline ends it by itself, and a stream that is ended needs no reset.
 */
const lingerMs = 1_000;

/**
 * How many streams are reset at once, and how many a second after that. A server on Node takes 1,000 and 33 on each
 * connection, and then closes it with all calls on it (`streamResetBurst`, `streamResetRate`:
 * https://nodejs.org/api/http2.html#http2createserveroptions-onrequesthandler).
 */
const burst = 500;
const perSecond = 25;

/** How many streams may be left to their servers: each has its buffers. */
const maxLeft = 10_000;

/** Servers that allow fewer streams at a time need them back at once. Those on Node allow any number by themselves. */
const manyStreams = 1_000;

const intervalMs = 200;

/** The streams of a channel whose calls are over for whoever made them, and not for the server. */
export class StreamResets {
  readonly #left = new Set<() => void>();
  readonly #due = new Set<() => void>();
  #streamsAreScarce = false;
  #tokens = burst;
  #filledAt = 0;
  #timer: NodeJS.Timeout | undefined;

  /** A server of the channel allows that many streams at a time on a connection. */
  allows(maxConcurrentStreams: number): void {
    if (maxConcurrentStreams < manyStreams) this.#streamsAreScarce = true;
  }

  /** Leaves a stream to its server, and resets it after a while; unless it is told that the stream has ended. */
  leave(reset: () => void): PendingDeadline {
    if (this.#streamsAreScarce || this.#left.size >= maxLeft) {
      reset();
      return { cancel: () => undefined };
    }
    this.#left.add(reset);
    const linger = setDeadline(lingerMs, () => {
      this.#due.add(reset);
      this.#resetDue();
    });
    return {
      cancel: () => {
        linger.cancel();
        this.#left.delete(reset);
        this.#due.delete(reset);
      },
    };
  }

  /** Resets all of them: nobody uses the channel any more. */
  flush(): void {
    for (const reset of this.#left) reset();
    this.#left.clear();
    this.#due.clear();
  }

  #resetDue(): void {
    const now = performance.now();
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) / 1000) * perSecond);
    this.#filledAt = now;
    for (const reset of this.#due) {
      if (this.#tokens < 1) break;
      this.#tokens -= 1;
      this.#due.delete(reset);
      this.#left.delete(reset);
      reset();
    }
    if (this.#due.size > 0) {
      this.#timer ??= setInterval(() => {
        this.#resetDue();
      }, intervalMs).unref();
    } else {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}
