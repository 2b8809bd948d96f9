/** How long one slot of the wheel is, in milliseconds: by so much a deadline may come late. */
const slotMs = 4;

/** How many slots there are: the wheel turns once in 2 seconds. */
const slots = 512;

/** What has a deadline, as a link of the list of all those in its slot. */
export interface Timed {
  /** When the deadline is, by `performance.now()`. */
  dueAt: number;
  /** Where it is in the wheel; -1 while it is in none. */
  timedSlot: number;
  previousTimed: Timed | undefined;
  nextTimed: Timed | undefined;
  /** The deadline has passed. */
  expire(): void;
}

/**
 * The deadlines of all calls, in the slots of a wheel that turns: to add one, or to remove it, is to change the ends of a
 * list. Nearly all are removed again, and a timer of Node.js for each costs more than everything else that is done for
 * them. After G. Varghese and A. Lauck, "Hashed and hierarchical timing wheels" (1987), scheme 6. It does not keep the
 * process: whoever waits for an answer does, by its connection.
 */
export class DeadlineWheel {
  readonly #slots: (Timed | undefined)[] = Array.from({ length: slots }, () => undefined);
  #count = 0;
  /** The number of the slot that was looked at last, from the beginning of time. */
  #lookedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerSlot = 0;

  /** Has something expire once its deadline has passed. */
  add(timed: Timed): void {
    const now = performance.now();
    if (this.#count === 0) this.#lookedAt = Math.floor(now / slotMs);
    const slot = Math.max(Math.floor(timed.dueAt / slotMs), this.#lookedAt) + 1;
    const first = this.#slots[slot % slots];
    timed.timedSlot = slot;
    timed.nextTimed = first;
    if (first !== undefined) first.previousTimed = timed;
    this.#slots[slot % slots] = timed;
    this.#count += 1;
    if (this.#timer === undefined || slot < this.#timerSlot) this.#arm(slot, now);
  }

  /** It is not to expire any more. */
  remove(timed: Timed): void {
    if (timed.timedSlot === -1) return;
    const { previousTimed: previous, nextTimed: next } = timed;
    if (previous === undefined) this.#slots[timed.timedSlot % slots] = next;
    else previous.nextTimed = next;
    if (next !== undefined) next.previousTimed = previous;
    timed.timedSlot = -1;
    timed.previousTimed = undefined;
    timed.nextTimed = undefined;
    this.#count -= 1;
  }

  #arm(slot: number, now: number): void {
    clearTimeout(this.#timer);
    // No timer of Node.js holds more than 24 days, and none has to: after each turn of the wheel it is looked at again.
    this.#timerSlot = Math.min(slot, Math.floor(now / slotMs) + slots);
    this.#timer = setTimeout(this.#turn, Math.max(1, this.#timerSlot * slotMs - now)).unref();
  }

  readonly #turn = (): void => {
    this.#timer = undefined;
    const now = performance.now();
    const current = Math.floor(now / slotMs);
    const from = Math.max(this.#lookedAt + 1, current - slots + 1);
    this.#lookedAt = current;
    for (let slot = from; slot <= current; slot++) this.#expire(slot % slots, now);
    if (this.#count === 0) return;
    // The next one that is not empty; what is in it may be for a later round.
    let next = current + 1;
    while (next < current + slots && this.#slots[next % slots] === undefined) next++;
    if (this.#timer === undefined || next < this.#timerSlot) this.#arm(next, now);
  };

  #expire(slot: number, now: number): void {
    let timed = this.#slots[slot];
    let due: Timed[] | undefined;
    for (; timed !== undefined; timed = timed.nextTimed) {
      if (timed.dueAt <= now) (due ??= []).push(timed);
    }
    if (due === undefined) return;
    for (const each of due) this.remove(each);
    for (const each of due) each.expire();
  }
}
