import { MethodLatency } from "./method-latency.ts";
import type { CostClass } from "./policy.ts";

/** Below this many calls at a time, none are refused: the least that shows whether fewer make them faster. */
const minLimit = 4;

/** How long calls are watched before the limit is set again, in milliseconds, and how many there have to be. */
const windowMs = 100;
const windowCalls = 8;

/** By how much it grows in one step while calls are refused, and while none are. */
const carefulGrowth = 1.05;
const quickGrowth = 1.25;

/** How many fewer calls at a time have to have made them how much faster for it to be overload, as ratios. */
const reliefAfter = 0.7;
const relief = 0.85;

/** Of the limit: up to where calls of each class are admitted. */
const shares: Readonly<Record<CostClass, number>> = { LIGHT: 1, NORMAL: 0.9, HEAVY: 0.5 };

/**
 * How many calls a server works on at a time, found out from how long they take. A gradient, after Netflix's
 * concurrency-limits (`Gradient2Limit`, https://github.com/Netflix/concurrency-limits): every 100 ms, how long calls
 * take is held against how long those of their method may take, which is half more than usual and a tenth of the
 * timeout that the contract gives them. Where it is more, calls wait for each other, and the limit becomes that part of
 * the calls that there are; otherwise it grows. How long a call will take that begins now is known from how many are
 * over in that time (Little's law): a server that has suddenly ten times its calls need not wait for the first of them.
 * What is usual is learnt from calls that were faster, and while there are hardly any; where fewer calls at a time do
 * not make them faster, they are slow for another reason, and what they take is usual from then on.
 */
export class AdaptiveLimit {
  readonly #max: number;
  readonly #now: () => number;
  readonly #methods = new Set<MethodLatency>();
  #limit: number;
  #active = 0;
  #windowBeganAt: number;
  /** Since then: how many calls were over, how many there were at the most, and whether any was refused. */
  #over = 0;
  #peak = 0;
  #refused = false;
  /** When calls were slowest since there were too many: how many there were, and how many times as long they took. */
  #slowest: { readonly calls: number; readonly slowness: number } | undefined;

  /** `now` is a clock in milliseconds; that of the process by default. */
  constructor(max: number, now: () => number = () => performance.now()) {
    this.#max = max;
    this.#limit = max;
    this.#now = now;
    this.#windowBeganAt = now();
  }

  /** How many calls it admits at the moment. */
  get limit(): number {
    return this.#limit;
  }

  /** How many calls there are. */
  get active(): number {
    return this.#active;
  }

  /** A method whose calls it is told of, and how long others may delay them, in milliseconds. */
  method(delayMs: number): MethodLatency {
    const latency = new MethodLatency(delayMs);
    this.#methods.add(latency);
    return latency;
  }

  /** Whether there is room for a call of this class, besides so many that are about to begin. */
  admits(costClass: CostClass, arriving = 0): boolean {
    const room = Math.max(minLimit, this.#limit * shares[costClass]) - arriving;
    if (this.#active < room) return true;
    this.#refused = true;
    return false;
  }

  /** A call begins. */
  begin(): void {
    this.#active += 1;
    if (this.#active > this.#peak) this.#peak = this.#active;
  }

  /** It is over, after so many milliseconds. */
  end(latency: MethodLatency, ms: number, succeeded: boolean): void {
    const now = this.#now();
    // While it is seen whether a lower limit helps, nothing is learnt from calls that began before.
    if (this.#slowest !== undefined && now - ms < this.#windowBeganAt) {
      this.#active -= 1;
      return;
    }
    this.#active -= 1;
    this.#over += 1;
    // What fails quickly may not have done the work; what is given up after long shows that it takes long.
    if (succeeded || ms > latency.tolerated) latency.add(ms);
    const passedMs = now - this.#windowBeganAt;
    if (this.#over < windowCalls || passedMs < windowMs) return;
    this.#adapt(passedMs);
    this.#windowBeganAt = now;
    this.#over = 0;
    this.#peak = this.#active;
    this.#refused = false;
  }

  /** Sets the limit, after so many milliseconds. */
  #adapt(passedMs: number): void {
    const { tookMs, usualMs, toleratedMs } = this.#means();
    // Of calls that began after the limit was lowered, it is known what they took. Otherwise, those behind them may
    // take longer; where few are over in long, their number says little.
    const isKnown = this.#slowest !== undefined || passedMs > 2 * windowMs;
    const takesMs = isKnown ? tookMs : Math.max(tookMs, (this.#active / this.#over) * passedMs);
    const slowness = takesMs / usualMs;
    const isIdle = this.#peak <= minLimit;
    if (takesMs <= toleratedMs || isIdle) {
      this.#slowest = undefined;
      const growth = this.#refused ? carefulGrowth : quickGrowth;
      this.#limit = Math.min(this.#max, this.#limit * growth + 1);
    } else if (
      this.#slowest !== undefined &&
      this.#limit <= this.#slowest.calls * reliefAfter &&
      slowness > this.#slowest.slowness * relief
    ) {
      for (const method of this.#methods) method.accept();
      this.#limit = this.#slowest.calls;
      this.#slowest = undefined;
    } else {
      const calls = Math.min(this.#limit, this.#peak);
      if (this.#slowest === undefined || slowness > this.#slowest.slowness) {
        this.#slowest = { calls, slowness };
      }
      this.#limit = Math.max(minLimit, (calls * toleratedMs) / takesMs);
    }
    for (const method of this.#methods) method.restart(isIdle);
  }

  /** How long a call took, usually takes and may take: the means of all methods by how many calls they had. */
  #means(): { tookMs: number; usualMs: number; toleratedMs: number } {
    let calls = 0;
    let took = 0;
    let usual = 0;
    let tolerated = 0;
    for (const method of this.#methods) {
      if (method.usual === undefined) continue;
      calls += method.calls;
      took += method.sum;
      usual += method.calls * method.usual;
      tolerated += method.calls * method.tolerated;
    }
    if (calls === 0) return { tookMs: 0, usualMs: 1, toleratedMs: Infinity };
    return { tookMs: took / calls, usualMs: usual / calls, toleratedMs: tolerated / calls };
  }
}
