import { type Link, LinkedList } from "./linked-list.ts";

/** What the bytes that calls hold are bounded by. */
export interface HeldBytesOptions<Call extends object> {
  /** How many all of them may hold. */
  readonly maxBytes: number;
  /** How long a call may hold bytes that become no fewer before it makes way for others, in milliseconds. */
  readonly graceMs: number;
  /** Ends a call that makes way. */
  readonly end: (call: Call) => void;
}

/** What one call holds. */
export class Holding<Call extends object> {
  readonly call: Call;
  bytes = 0;
  /** Since when it has held them without getting rid of any, by `performance.now()`. */
  since = 0;
  /** Where it is among those that hold any. */
  place: Link<Holding<Call>> | undefined;

  constructor(call: Call) {
    this.call = call;
  }
}

/**
 * How many bytes calls hold in memory. Where that is too much, those make way that have held theirs for longest without
 * getting rid of any: one that makes progress is not kept from it by thousands that do not.
 */
export class HeldBytes<Call extends object> {
  readonly #options: HeldBytesOptions<Call>;
  /** Those whose bytes have become no fewer for longest come first. */
  readonly #holdings = new LinkedList<Holding<Call>>();
  #bytes = 0;

  constructor(options: HeldBytesOptions<Call>) {
    this.#options = options;
  }

  /** A call holds so many bytes now. False where there is no room for them, and no other call that makes way. */
  hold(holding: Holding<Call>, bytes: number): boolean {
    const { bytes: before } = holding;
    if (bytes === before) return true;
    this.#bytes += bytes - before;
    holding.bytes = bytes;
    if (before === 0 || bytes < before) this.#replace(holding);
    return bytes < before || this.#makeRoom(holding);
  }

  #replace(holding: Holding<Call>): void {
    if (holding.place !== undefined) this.#holdings.remove(holding.place);
    holding.place = undefined;
    if (holding.bytes === 0) return;
    holding.place = this.#holdings.add(holding);
    holding.since = performance.now();
  }

  #makeRoom(holding: Holding<Call>): boolean {
    const { maxBytes, graceMs, end } = this.#options;
    while (this.#bytes > maxBytes) {
      const { first: oldest } = this.#holdings;
      if (oldest === undefined) return true;
      if (oldest === holding || performance.now() - oldest.since < graceMs) return false;
      this.hold(oldest, 0);
      end(oldest.call);
    }
    return true;
  }
}
