import { MethodLatency } from "./method-latency.ts";
import type { CostClass } from "./policy.ts";

/** Below this many calls at a time, none are refused: the least that shows whether fewer make them faster. */
const minLimit = 4;

/** How long calls are watched before the limit is set again, in milliseconds, and how many there have to be. */
const windowMs = 100;
const windowCalls = 8;

/** What the limit becomes at the least in one step, of what it was. */
const steepestDecrease = 0.5;

/** By how much it grows in one step while calls are refused, and while none are. */
const carefulGrowth = 1.05;
const quickGrowth = 1.25;

/** By how much fewer calls at a time have to have made them faster, of what they took, for it to be overload. */
const relief = 0.85;
const reliefAfter = 0.7;

/** Of the limit: up to where calls of each class are admitted. */
const shares: Readonly<Record<CostClass, number>> = { LIGHT: 1, NORMAL: 0.9, HEAVY: 0.5 };

/**
 * How many calls a server works on at a time, found out from how long they take. A gradient, after Netflix's
 * concurrency-limits (`Gradient2Limit`, https://github.com/Netflix/concurrency-limits): every 100 ms, the time that
 * calls took is held against what calls of their method may take, which is half more than usual and a tenth of the
 * timeout that the contract gives them. Where it is more, calls wait for each other, and the limit becomes that ratio
 * of the calls that there are; otherwise it grows. What is usual is learnt from calls that were faster, and while
 * there are hardly any; where fewer calls at a time do not make them faster, it is not for want of capacity here that
 * they are slow, and what they take is usual from then on.
 */
export class AdaptiveLimit {
  readonly #max: number;
  readonly #now: () => number;
  readonly #methods = new Set<MethodLatency>();
  #limit: number;
  #active = 0;
  #peak = 0;
  #trough = 0;
  #refused = false;
  #windowBeganAt: number;
  #windowCalls = 0;
  /** When calls were slowest since there were too many, and how many there were then at the least. */
  #worst: { readonly least: number; readonly slowness: number } | undefined;

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

  /** Whether there is room for a call of this class. */
  admits(costClass: CostClass): boolean {
    if (this.#active < Math.max(minLimit, this.#limit * shares[costClass])) return true;
    this.#refused = true;
    return false;
  }

  /** A call begins. */
  begin(): void {
    this.#active += 1;
    if (this.#active > this.#peak) this.#peak = this.#active;
  }

  /** It is over before it was answered. */
  forget(): void {
    this.#active -= 1;
  }

  /** It was answered after so many milliseconds. */
  end(latency: MethodLatency, ms: number, succeeded: boolean): void {
    this.#active -= 1;
    if (this.#active < this.#trough) this.#trough = this.#active;
    // What fails quickly may not have done the work; what is given up after long shows that it takes long.
    if (!succeeded && ms <= latency.tolerated) return;
    const now = this.#now();
    // Of a call that began under another limit, nothing is learnt of this one.
    const isWatched = now - ms >= this.#windowBeganAt;
    latency.add(ms, isWatched);
    if (!isWatched) return;
    this.#windowCalls += 1;
    if (this.#windowCalls < windowCalls || now - this.#windowBeganAt < windowMs) return;
    this.#adapt();
    this.#windowBeganAt = now;
    this.#windowCalls = 0;
    this.#peak = this.#active;
    this.#trough = this.#active;
    this.#refused = false;
  }

  #adapt(): void {
    const { ratio, slowness } = this.#compare();
    const isIdle = this.#peak <= minLimit;
    if (ratio >= 1 || isIdle) {
      this.#worst = undefined;
      this.#limit = Math.min(
        this.#max,
        this.#limit * (this.#refused ? carefulGrowth : quickGrowth) + 1,
      );
    } else {
      const reached = Math.min(this.#limit, this.#peak);
      const worst = this.#worst;
      if (worst === undefined || slowness > worst.slowness) {
        this.#worst = { least: this.#trough, slowness };
      }
      if (
        worst !== undefined &&
        reached <= worst.least * reliefAfter &&
        slowness > worst.slowness * relief
      ) {
        for (const method of this.#methods) method.accept();
        this.#limit = worst.least;
        this.#worst = undefined;
      } else {
        this.#limit = Math.max(minLimit, reached * Math.max(steepestDecrease, ratio));
      }
    }
    for (const method of this.#methods) method.restart(isIdle);
  }

  /** How long calls may take, of what they took; and what they took, of what is usual. */
  #compare(): { ratio: number; slowness: number } {
    let took = 0;
    let usually = 0;
    let tolerated = 0;
    for (const method of this.#methods) {
      const { calls, sum, usual } = method;
      if (calls === 0 || usual === undefined) continue;
      took += sum;
      usually += calls * usual;
      tolerated += calls * method.tolerated;
    }
    return { ratio: took === 0 ? 1 : tolerated / took, slowness: took / usually };
  }
}
