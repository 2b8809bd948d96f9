/** What the bytes that calls hold are bounded by. */
export interface HeldBytesOptions<Call> {
  /** How many all of them may hold. */
  readonly maxBytes: number;
  /** How long a call may hold bytes that become no fewer before it makes way for others, in milliseconds. */
  readonly graceMs: number;
  /** Ends a call that makes way. */
  readonly end: (call: Call) => void;
}

interface Holding {
  bytes: number;
  readonly since: number;
}

/**
 * How many bytes calls hold in memory. Where that is too much, those make way that have held theirs for longest without
 * getting rid of any: one that makes progress is not kept from it by thousands that do not.
 */
export class HeldBytes<Call> {
  readonly #options: HeldBytesOptions<Call>;
  /** Those whose bytes have become no fewer for longest come first. */
  readonly #holdings = new Map<Call, Holding>();
  #bytes = 0;

  constructor(options: HeldBytesOptions<Call>) {
    this.#options = options;
  }

  /** A call holds so many bytes now. False where there is no room for them, and no other call that makes way. */
  hold(call: Call, bytes: number): boolean {
    const holding = this.#holdings.get(call);
    const before = holding?.bytes ?? 0;
    this.#bytes += bytes - before;
    if (holding !== undefined && bytes >= before) holding.bytes = bytes;
    else this.#replace(call, bytes);
    return bytes <= before || this.#makeRoom(call);
  }

  #replace(call: Call, bytes: number): void {
    this.#holdings.delete(call);
    if (bytes > 0) this.#holdings.set(call, { bytes, since: performance.now() });
  }

  #makeRoom(call: Call): boolean {
    const { maxBytes, graceMs, end } = this.#options;
    while (this.#bytes > maxBytes) {
      const [first] = this.#holdings;
      if (first === undefined) return true;
      const [oldest, { since }] = first;
      if (oldest === call || performance.now() - since < graceMs) return false;
      this.hold(oldest, 0);
      end(oldest);
    }
    return true;
  }
}
