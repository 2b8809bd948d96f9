/** How many messages a queue holds before it asks its source to pause: as many as Node's object streams. */
const window = 16;

/** How many bytes its messages may have before it does so: a few large ones are as much as many small ones. */
const windowBytes = 64 * 1024;

/** Up to how many bytes its source is not told of them. */
const fewBytes = 16 * 1024;

/** What a queue asks of whatever fills it. */
export interface QueueSource {
  /** The queue has room again. */
  resume(): void;
  /** The reader has left before the end. */
  stop(): void;
  /** So many bytes wait for the reader now. Told of where they are more than some KiB, or have been. */
  held?(bytes: number): void;
}

/** Messages on their way from callbacks to one reader, bounded by pausing their source. */
export class MessageQueue<T> implements AsyncIterableIterator<T, undefined> {
  readonly #source: QueueSource;
  #results: IteratorYieldResult<T>[] = [];
  /** How many bytes each of them has. */
  #sizes: number[] = [];
  #bytes = 0;
  #head = 0;
  #waiting: PromiseWithResolvers<IteratorResult<T, undefined>> | undefined;
  #paused = false;
  #finished = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(source: QueueSource) {
    this.#source = source;
  }

  /** Whether more may follow. */
  get isOpen(): boolean {
    return !this.#finished;
  }

  /** Adds a message that came in so many bytes. Answers false when no more should come until the source is resumed. */
  push(message: T, bytes = 0): boolean {
    if (this.#finished) return true;
    const result: IteratorYieldResult<T> = { done: false, value: message };
    if (this.#waiting !== undefined) {
      this.#waiting.resolve(result);
      this.#waiting = undefined;
      return true;
    }
    this.#results.push(result);
    this.#sizes.push(bytes);
    this.#paused =
      this.#results.length - this.#head >= window || this.#bytes + bytes >= windowBytes;
    this.#hold(this.#bytes + bytes);
    return !this.#paused;
  }

  /** No more messages follow. */
  end(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#waiting?.resolve({ done: true, value: undefined });
    this.#waiting = undefined;
  }

  /**
   * Nothing more follows: the reader gets the messages that are here already, then the error. False where
   * the queue has come to its end already, or the reader has left.
   */
  fail(error: unknown): boolean {
    if (this.#finished) return false;
    this.#finished = true;
    if (this.#waiting === undefined) this.#failure = { error };
    this.#waiting?.reject(error);
    this.#waiting = undefined;
    return true;
  }

  /** The next message, as soon as there is one. To be awaited before it is called again. */
  next(): Promise<IteratorResult<T, undefined>> {
    const result = this.#results[this.#head];
    if (result !== undefined) {
      this.#advance();
      return Promise.resolve(result);
    }
    if (this.#failure !== undefined) {
      const { error } = this.#failure;
      this.#failure = undefined;
      return Promise.reject(error);
    }
    if (this.#finished) return Promise.resolve({ done: true, value: undefined });
    if (this.#waiting !== undefined) {
      return Promise.reject(new Error("next() was called again before its promise was settled"));
    }
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** The reader leaves: the rest is dropped, and the source told to stop. */
  return(): Promise<IteratorResult<T, undefined>> {
    const early = !this.#finished;
    this.end();
    this.#results = [];
    this.#sizes = [];
    this.#head = 0;
    this.#failure = undefined;
    this.#hold(0);
    if (early) this.#source.stop();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #advance(): void {
    const bytes = this.#bytes - (this.#sizes[this.#head] ?? 0);
    this.#head += 1;
    const left = this.#results.length - this.#head;
    if (left === 0) {
      this.#results = [];
      this.#sizes = [];
      this.#head = 0;
    }
    this.#hold(bytes);
    if (this.#paused && left <= window / 2 && bytes <= windowBytes / 2) {
      this.#paused = false;
      if (!this.#finished) this.#source.resume();
    }
  }

  #hold(bytes: number): void {
    const before = this.#bytes;
    this.#bytes = bytes;
    if (bytes > fewBytes || before > fewBytes) this.#source.held?.(bytes > fewBytes ? bytes : 0);
  }
}
