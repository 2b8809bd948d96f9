import type { Http2Attempt } from "./http2-attempt.ts";

/** How many bytes of requests are kept for retries, on a channel or for a call, and how many may be. */
export interface KeptBytes {
  keptBytes: number;
  readonly mostBytes: number;
}

/** What a call has sent, or is to send once there is a connection: for the next attempt at it. */
export class KeptRequests {
  readonly #ofAll: KeptBytes;
  readonly #mostBytes: number;
  #frames: Buffer[] = [];
  #bytes = 0;
  #hasEnded = false;

  /** `ofAll` is what all calls of the channel have together. */
  constructor(ofAll: KeptBytes, mostBytes: number) {
    this.#ofAll = ofAll;
    this.#mostBytes = mostBytes;
  }

  /** Whether there are more than may be kept. */
  get isFull(): boolean {
    return this.#bytes > this.#mostBytes || this.#ofAll.keptBytes > this.#ofAll.mostBytes;
  }

  add(framed: Buffer): void {
    this.#frames.push(framed);
    this.#bytes += framed.length;
    this.#ofAll.keptBytes += framed.length;
  }

  /** No more follow. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Sends all of them, on a stream that has just been opened: what it has no room for waits in it. */
  sendOn(attempt: Http2Attempt): void {
    const last = this.#hasEnded ? this.#frames.length - 1 : this.#frames.length;
    for (let index = 0; index < last; index += 1) {
      const framed = this.#frames[index];
      if (framed !== undefined) attempt.send(framed);
    }
    if (this.#hasEnded) attempt.end(this.#frames[last]);
  }

  /** There will be no other attempt. */
  drop(): void {
    this.#ofAll.keptBytes -= this.#bytes;
    this.#bytes = 0;
    this.#frames = [];
  }
}
