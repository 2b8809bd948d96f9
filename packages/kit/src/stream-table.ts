import type { Http2Session, Http2Stream } from "node:http2";
import { types } from "node:util";

/** How many places there are at first: two to the power of that. */
const firstBits = 4;

/** A stream, as a link of the list of those that have the same place. */
interface Entry {
  readonly id: number;
  readonly stream: Http2Stream;
  next: Entry | undefined;
}

/**
 * The open streams of an HTTP/2 session by their numbers: as much of a map as Node.js uses. For why it is none, see
 * {@link useStreamTable}.
 */
export class StreamTable {
  #bits = firstBits;
  #places: (Entry | undefined)[] = emptyPlaces(firstBits);
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** The stream with a number; undefined where there is none. */
  get(id: number): Http2Stream | undefined {
    let entry = this.#places[this.#placeOf(id)];
    while (entry !== undefined && entry.id !== id) entry = entry.next;
    return entry?.stream;
  }

  /** Adds a stream, in place of one that has the same number. */
  set(id: number, stream: Http2Stream): void {
    this.delete(id);
    if (this.#size === this.#places.length) this.#grow();
    this.#put({ id, stream, next: undefined });
    this.#size += 1;
  }

  /** Removes the stream with a number. False where there is none. */
  delete(id: number): boolean {
    const place = this.#placeOf(id);
    let before: Entry | undefined;
    let entry = this.#places[place];
    while (entry !== undefined && entry.id !== id) {
      before = entry;
      entry = entry.next;
    }
    if (entry === undefined) return false;
    if (before === undefined) this.#places[place] = entry.next;
    else before.next = entry.next;
    this.#size -= 1;
    return true;
  }

  /** Calls a function with all that are there now, the oldest first; it may remove them. */
  forEach(each: (stream: Http2Stream, id: number) => void): void {
    const entries = this.#entries().toSorted((one, another) => one.id - another.id);
    for (const { stream, id } of entries) each(stream, id);
  }

  /** Spread by the golden ratio: a client may leave numbers out. */
  #placeOf(id: number): number {
    return Math.imul(id, 0x9e3779b1) >>> (32 - this.#bits);
  }

  #put(entry: Entry): void {
    const place = this.#placeOf(entry.id);
    entry.next = this.#places[place];
    this.#places[place] = entry;
  }

  #grow(): void {
    const entries = this.#entries();
    this.#bits += 1;
    this.#places = emptyPlaces(this.#bits);
    for (const entry of entries) this.#put(entry);
  }

  #entries(): Entry[] {
    const entries: Entry[] = [];
    for (const first of this.#places) {
      for (let entry = first; entry !== undefined; entry = entry.next) entries.push(entry);
    }
    return entries;
  }
}

function emptyPlaces(bits: number): (Entry | undefined)[] {
  return Array.from({ length: 2 ** bits }, () => undefined);
}

/**
 * Has a session keep its open streams in a {@link StreamTable}, where Node.js (24.21) has a map of them. V8 moves the
 * entries of a map to another table whenever it has run out of places, and the table before still has them, and refers
 * to the one behind. Once one of these tables has become old, all streams that were in those behind outlive each quick
 * collection, with all that calls hang on to them, and are copied by it. Where another version of Node.js keeps its
 * streams elsewhere, they stay there.
 * Source: https://github.com/v8/v8/blob/13.6.233/src/objects/ordered-hash-table.cc, `OrderedHashTable::Rehash`
 */
export function useStreamTable(session: Http2Session): void {
  for (const key of Object.getOwnPropertySymbols(session)) {
    const state: unknown = Reflect.get(session, key);
    if (typeof state !== "object" || state === null) continue;
    const streams: unknown = Reflect.get(state, "streams");
    // One that has streams already keeps its map.
    if (types.isMap(streams) && Reflect.get(streams, "size") === 0) {
      Reflect.set(state, "streams", new StreamTable());
      return;
    }
  }
}
