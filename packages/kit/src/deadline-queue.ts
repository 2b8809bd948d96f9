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
export class DeadlineQueue {
  readonly #timeoutMs: number;
  readonly #keepsProcess: boolean;
  #first: Entry | undefined;
  #last: Entry | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** With `keepsProcess`, the process does not end by itself while a deadline is to come. */
  constructor(timeoutMs: number, keepsProcess = false) {
    this.#timeoutMs = timeoutMs;
    this.#keepsProcess = keepsProcess;
  }

  /** Calls a function when the time has passed, unless it is cancelled before. */
  add(expire: () => void): PendingDeadline {
    const entry = new Entry(this, performance.now() + this.#timeoutMs, expire);
    entry.previous = this.#last;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    if (this.#timer === undefined) this.#arm(this.#timeoutMs);
    else if (this.#keepsProcess && this.#first === entry) this.#timer.ref();
    return entry;
  }

  /** For an entry of its own. */
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
    if (this.#keepsProcess && this.#first === undefined) this.#timer?.unref();
  }

  #arm(afterMs: number): void {
    this.#timer = setTimeout(() => {
      this.#expire();
    }, afterMs);
    if (!this.#keepsProcess) this.#timer.unref();
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
    this.#timer = undefined;
  }
}

const queues = new Map<number, DeadlineQueue>();

/**
 * Calls a function after that many milliseconds, unless it is cancelled before. It does not keep the process:
 * whoever waits for an answer does, by its connection.
 */
export function setDeadline(timeoutMs: number, expire: () => void): PendingDeadline {
  let queue = queues.get(timeoutMs);
  if (queue === undefined) {
    queue = new DeadlineQueue(timeoutMs);
    queues.set(timeoutMs, queue);
  }
  return queue.add(expire);
}
