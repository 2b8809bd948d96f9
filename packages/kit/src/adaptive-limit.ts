import { MethodLatency } from "./method-latency.ts";
import type { CostClass } from "./policy.ts";

/** Below this many calls at a time, none are refused: the least that shows whether fewer make them faster. */
const minLimit = 4;

/** How long calls are watched before the limit is set again, in milliseconds, and how many there have to be. */
const windowMs = 100;
const windowCalls = 32;

/** By how much more calls have to begin than are over, for a while, for there to be too many. */
const minGrowth = 0.1;
const growthMemory = 0.9;

/** When calls of which none is over say nothing any more, in milliseconds. */
const stuckMs = 1_000;

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
 * concurrency-limits (`Gradient2Limit`, https://github.com/Netflix/concurrency-limits): every 100 ms, or 32 calls, how
 * long calls take is held against how long those of their method may take, which is half more than usual and a tenth of
 * the timeout that the contract gives them. Where it is more, and a tenth more calls begin than are over, calls wait for
 * each other, and the limit becomes that part of the calls that there are; otherwise it grows. How long a call will take
 * that begins now is known from how many of its method are over in that time (Little's law): a server that has suddenly
 * ten times its calls need not wait for the first of them. What is usual is learnt while there are not too many; where
 * fewer calls at a time do not make them faster, they are slow for another reason, and what they take is usual from
 * then on.
 */
export class AdaptiveLimit {
  readonly #max: number;
  readonly #now: () => number;
  readonly #methods = new Set<MethodLatency>();
  #limit: number;
  #active = 0;
  #windowBeganAt: number;
  /** Since then: how many calls began and were over, how many there were at the most, and whether any was refused. */
  #begun = 0;
  #over = 0;
  #peak = 0;
  #refused = false;
  /** How many more began than were over of late, and how many were over. */
  #growth = 0;
  #recent = 0;
  #overAt: number;
  /** When calls were slowest since there were too many: how many there were, and how many times as long they took. */
  #slowest: { readonly calls: number; readonly slowness: number } | undefined;

  /** `now` is a clock in milliseconds; that of the process by default. */
  constructor(max: number, now: () => number = () => performance.now()) {
    this.#max = max;
    this.#limit = max;
    this.#now = now;
    this.#windowBeganAt = now();
    this.#overAt = this.#windowBeganAt;
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
    if (this.#now() - this.#overAt > stuckMs) {
      // They do not wait for each other: then some would be over.
      this.#limit = this.#max;
      this.#slowest = undefined;
      return true;
    }
    this.#refused = true;
    return false;
  }

  /** A call begins. */
  begin(latency: MethodLatency): void {
    latency.begin();
    this.#active += 1;
    this.#begun += 1;
    if (this.#active > this.#peak) this.#peak = this.#active;
  }

  /** It is over, after so many milliseconds. */
  end(latency: MethodLatency, ms: number, succeeded: boolean): void {
    const now = this.#now();
    this.#overAt = now;
    latency.end();
    // While it is seen whether a lower limit helps, nothing is learnt from calls that began before.
    if (this.#slowest !== undefined && now - ms < this.#windowBeganAt) {
      this.#active -= 1;
      return;
    }
    this.#active -= 1;
    this.#over += 1;
    // What fails quickly may not have done the work; what is given up later shows that it takes that long.
    if (succeeded || ms > (latency.usual ?? Infinity)) latency.add(ms);
    const passedMs = now - this.#windowBeganAt;
    if (this.#over < windowCalls || passedMs < windowMs) return;
    this.#adapt(passedMs);
    this.#windowBeganAt = now;
    this.#begun = 0;
    this.#over = 0;
    this.#peak = this.#active;
    this.#refused = false;
  }

  /** Sets the limit, after so many milliseconds. */
  #adapt(passedMs: number): void {
    this.#growth = this.#growth * growthMemory + this.#begun - this.#over;
    this.#recent = this.#recent * growthMemory + this.#over;
    const isGrowing = this.#growth >= Math.max(minLimit, minGrowth * this.#recent);
    // Of calls that began after the limit was lowered, it is known what they took. Otherwise, those behind them may
    // take longer; where few are over in long, their number says little.
    const isKnown = this.#slowest !== undefined || passedMs > 4 * windowMs;
    const { takesMs, usualMs, toleratedMs } = this.#means(isKnown ? Infinity : passedMs);
    const slowness = takesMs / usualMs;
    const isIdle = this.#peak <= minLimit;
    // Once there is a limit, as many begin as are over.
    const isTooMany = isGrowing || this.#refused || this.#slowest !== undefined;
    if (takesMs <= toleratedMs || isIdle || !isTooMany) {
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
      // Far enough to see whether it helps.
      this.#limit = Math.max(minLimit, calls * Math.min(reliefAfter, toleratedMs / takesMs));
    }
    for (const method of this.#methods) method.restart(isIdle || !isTooMany);
  }

  /**
   * How long a call takes, usually takes and may take: the means of all methods by how many calls they had. What it
   * takes is foretold from how many were over in so many milliseconds, where that is more.
   */
  #means(passedMs: number): { takesMs: number; usualMs: number; toleratedMs: number } {
    let calls = 0;
    let takes = 0;
    let usual = 0;
    let tolerated = 0;
    for (const method of this.#methods) {
      if (method.usual === undefined || method.calls === 0) continue;
      calls += method.calls;
      // As many calls as there are, over as many as end in that time: of each of these, that is the time times those.
      takes += Math.max(method.sum, passedMs === Infinity ? 0 : method.active * passedMs);
      usual += method.calls * method.usual;
      tolerated += method.calls * method.tolerated;
    }
    if (calls === 0) return { takesMs: 0, usualMs: 1, toleratedMs: Infinity };
    return { takesMs: takes / calls, usualMs: usual / calls, toleratedMs: tolerated / calls };
  }
}
