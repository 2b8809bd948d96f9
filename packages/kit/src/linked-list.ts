/** A place in a list, and what is there. */
export class Link<T extends object> {
  /** Undefined once it is out of the list. */
  value: T | undefined;
  previous: Link<T> | undefined;
  next: Link<T> | undefined;

  constructor(value: T) {
    this.value = value;
  }
}

/**
 * What is there at the moment, the oldest first, where it comes and goes with each call. A `Set` would hold on to much of
 * what has left it: V8 moves its members to another table whenever places have run out, and the table before still has
 * them and refers to the one behind. Once one of these tables is old, all that were in those behind outlive each quick
 * collection, until the slow one: calls, their streams and their messages.
 * Source: https://github.com/v8/v8/blob/13.6.233/src/objects/ordered-hash-table.cc, `Rehash`
 */
export class LinkedList<T extends object> {
  #first: Link<T> | undefined;
  #last: Link<T> | undefined;
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** The one that has been there for longest; undefined where there is none. */
  get first(): T | undefined {
    return this.#first?.value;
  }

  /** Adds one behind all others. What comes back takes it out again. */
  add(value: T): Link<T> {
    const link = new Link(value);
    const last = this.#last;
    link.previous = last;
    if (last === undefined) this.#first = link;
    else last.next = link;
    this.#last = link;
    this.#size += 1;
    return link;
  }

  /** Takes one out that this list has given a place; no more than that where it is out already. */
  remove(link: Link<T>): void {
    if (link.value === undefined) return;
    const { previous, next } = link;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    // What has left refers to nothing that is there, nor the other way round.
    link.value = undefined;
    link.previous = undefined;
    link.next = undefined;
    this.#size -= 1;
  }

  /** All that are there now. */
  values(): T[] {
    const values: T[] = [];
    for (let link = this.#first; link !== undefined; link = link.next) {
      if (link.value !== undefined) values.push(link.value);
    }
    return values;
  }
}
