/** By how much of what they usually take calls may differ by themselves. */
const toleratedShare = 1.5;

/** By how much of itself the median moves with each call. */
const medianStep = 0.02;

/** By how much of the difference the usual latency follows. */
const usualWeight = 0.2;

/** How long the calls of one method take, from when their request is there to their answer, in milliseconds. */
export class MethodLatency {
  readonly #delayMs: number;
  #median = 0;
  #usual: number | undefined;
  #active = 0;
  #calls = 0;
  #sum = 0;
  #least = Infinity;

  /** `delayMs`: how long a call may be delayed by others, in milliseconds. */
  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** A call begins. */
  begin(): void {
    this.#active += 1;
  }

  /** It is over. */
  end(): void {
    this.#active -= 1;
  }

  /** How many there are. */
  get active(): number {
    return this.#active;
  }

  /** A call took that long. */
  add(ms: number): void {
    this.#calls += 1;
    this.#sum += ms;
    if (ms < this.#least) this.#least = ms;
    // Ma, Muthukrishnan and Sandler, Frugal Streaming for Estimating Quantiles (2013), with steps in proportion.
    if (this.#median === 0) this.#median = ms;
    else this.#median *= ms > this.#median ? 1 + medianStep : 1 - medianStep;
  }

  /** What half of the calls take at the most, as far as is known; 0 before the first. */
  get median(): number {
    return this.#median;
  }

  /** How many calls there were since the last `restart`. */
  get calls(): number {
    return this.#calls;
  }

  /** How long they took together. */
  get sum(): number {
    return this.#sum;
  }

  /** How long a call takes where there is not too much to do; undefined before the first calls. */
  get usual(): number | undefined {
    return this.#usual;
  }

  /** How long a call may take: half more than usual, and the delay. */
  get tolerated(): number {
    return this.#usual === undefined ? Infinity : this.#usual * toleratedShare + this.#delayMs;
  }

  /**
   * Takes stock of the calls since the last time, and begins anew. What was faster than usual is what is possible, and
   * becomes usual; what was slower does only where it `isUnhindered`: there was not too much to do.
   */
  restart(isUnhindered: boolean): void {
    if (this.#calls > 0) {
      const mean = this.#sum / this.#calls;
      if (this.#usual === undefined) {
        // The first ones of a server may all have come at once, and have waited for each other.
        this.#usual = isUnhindered ? mean : this.#least;
      } else if (isUnhindered || mean < this.#usual) {
        this.#usual += usualWeight * (mean - this.#usual);
      }
    }
    this.#calls = 0;
    this.#sum = 0;
    this.#least = Infinity;
  }

  /** That calls take as long as they did since the last `restart` is how it is. */
  accept(): void {
    if (this.#calls > 0) this.#usual = this.#sum / this.#calls;
  }
}
