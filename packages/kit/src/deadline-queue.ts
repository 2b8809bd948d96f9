/** A call that ends unless it is over by its deadline. */
export interface PendingDeadline {
  /** The call is over. */
  cancel(): void;
}

class Entry implements PendingDeadline {
  readonly dueAt: number;
  readonly expire: () => void;
  previous: Entry | undefined;
  next: Entry | undefined;
  readonly #queue: DeadlineQueue;

  constructor(queue: DeadlineQueue, dueAt: number, expire: () => void) {
    this.#queue = queue;
    this.dueAt = dueAt;
    this.expire = expire;
  }

  cancel(): void {
    this.#queue.remove(this);
  }
}

/**
 * Deadlines that all are the same time away from when they are set, so that they come due in their
 * order: one timer serves them all. A timer for each call costs more than everything else that is done
 * for its deadline.
 */
class DeadlineQueue {
  readonly #timeoutMs: number;
  #first: Entry | undefined;
  #last: Entry | undefined;
  #isArmed = false;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  add(expire: () => void): Entry {
    const entry = new Entry(this, performance.now() + this.#timeoutMs, expire);
    entry.previous = this.#last;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    if (!this.#isArmed) this.#arm(this.#timeoutMs);
    return entry;
  }

  remove(entry: Entry): void {
    const { previous, next } = entry;
    // Removed already: its deadline came.
    if (previous === undefined && this.#first !== entry) return;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    entry.previous = undefined;
    entry.next = undefined;
  }

  #arm(afterMs: number): void {
    this.#isArmed = true;
    // Whoever waits for an answer keeps the process alive by its connection.
    setTimeout(() => {
      this.#expire();
    }, afterMs).unref();
  }

  #expire(): void {
    for (let entry = this.#first; entry !== undefined; entry = this.#first) {
      const leftMs = entry.dueAt - performance.now();
      if (leftMs > 0) {
        this.#arm(leftMs);
        return;
      }
      this.remove(entry);
      entry.expire();
    }
    this.#isArmed = false;
  }
}

const queues = new Map<number, DeadlineQueue>();

/** Calls a function after that many milliseconds, unless it is cancelled before. */
export function setDeadline(timeoutMs: number, expire: () => void): PendingDeadline {
  let queue = queues.get(timeoutMs);
  if (queue === undefined) {
    queue = new DeadlineQueue(timeoutMs);
    queues.set(timeoutMs, queue);
  }
  return queue.add(expire);
}
