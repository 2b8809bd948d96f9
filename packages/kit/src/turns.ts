/** How long handlers may run before the connections are looked at again, in milliseconds. */
const turnMs = 10;

/**
 * Begins handlers so that the process goes on listening. Node.js calls one after the other whatever has come, so that
 * a hundred handlers that compute for 10 ms each would leave it deaf for a second: to health checks, to pings, to calls
 * that it should refuse. Here, once handlers have run for 10 ms in one turn of the event loop, others wait for the next.
 */
export class Turns {
  #waiting: { readonly begin: () => void; readonly since: number }[] = [];
  #next = 0;
  #beganAt = 0;
  #isUnderWay = false;

  /** Whether a handler has to wait for its turn. */
  isOver(): boolean {
    if (!this.#isUnderWay) {
      this.#isUnderWay = true;
      this.#beganAt = performance.now();
      setImmediate(this.#end);
      return false;
    }
    return this.#waiting.length > 0 || performance.now() - this.#beganAt > turnMs;
  }

  /** Begins a handler in one of the next turns, in the order of its coming. */
  later(begin: () => void): void {
    this.#waiting.push({ begin, since: performance.now() });
  }

  /** How long the handler that is next has waited, in milliseconds; 0 where none waits. */
  get delayMs(): number {
    const first = this.#waiting[this.#next];
    return first === undefined ? 0 : performance.now() - first.since;
  }

  readonly #end = (): void => {
    this.#beganAt = performance.now();
    while (this.#next < this.#waiting.length) {
      if (performance.now() - this.#beganAt > turnMs) {
        setImmediate(this.#end);
        return;
      }
      this.#waiting[this.#next++]?.begin();
    }
    this.#waiting = [];
    this.#next = 0;
    this.#isUnderWay = false;
  };
}
