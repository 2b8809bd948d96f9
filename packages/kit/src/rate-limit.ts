import { LRUCache } from "lru-cache";
import type { Admit } from "./authentication.ts";
import type { CallContext } from "./call-context.ts";
import { Code } from "./code.ts";
import { tryAgain } from "./refusal.ts";

/** How many principals are kept in mind; whoever has not called for longest is forgotten first. */
const maxPrincipals = 10_000;

/** How many calls a principal may make at once, of those that it may make in a second, and at the least. */
const burstSeconds = 1;
const minBurst = 10;

/**
 * How many calls a principal may make: a token bucket for each, which fills by so many a second and holds as many, or
 * 10 where that is more.
 */
export class RateLimit {
  readonly callsPerSecond: number;
  readonly #burst: number;
  readonly #buckets = new LRUCache<string, { tokens: number; at: number }>({ max: maxPrincipals });
  readonly #now: () => number;

  /** `now` is a clock in milliseconds; that of the process by default. */
  constructor(callsPerSecond: number, now: () => number = () => performance.now()) {
    this.callsPerSecond = callsPerSecond;
    this.#burst = Math.max(minBurst, callsPerSecond * burstSeconds);
    this.#now = now;
  }

  /** Takes a call of a principal into account; returns after how many milliseconds it may call, 0 for now. */
  take(subject: string): number {
    const now = this.#now();
    let bucket = this.#buckets.get(subject);
    if (bucket === undefined) {
      bucket = { tokens: this.#burst, at: now };
      this.#buckets.set(subject, bucket);
    }
    const filled = bucket.tokens + ((now - bucket.at) / 1_000) * this.callsPerSecond;
    bucket.tokens = Math.min(this.#burst, filled);
    bucket.at = now;
    if (bucket.tokens < 1) return ((1 - bucket.tokens) / this.callsPerSecond) * 1_000;
    bucket.tokens -= 1;
    return 0;
  }
}

/**
 * Adds to the step that lets callers pass that none calls too often: more calls get RESOURCE_EXHAUSTED, and are told when
 * to try again. Who is not known by name is not counted.
 */
export function admitByRate(
  admit: Admit | undefined,
  limit: RateLimit | undefined,
): Admit | undefined {
  if (limit === undefined) return admit;
  const pass = ({ principal }: CallContext): void => {
    if (principal === undefined) return;
    const waitMs = limit.take(principal.subject);
    if (waitMs === 0) return;
    const text = `the caller makes more than ${limit.callsPerSecond} calls a second`;
    throw tryAgain(Code.RESOURCE_EXHAUSTED, text, waitMs);
  };
  return (call) => {
    const admitted = admit?.(call);
    if (admitted === undefined) {
      pass(call);
      return undefined;
    }
    return admitted.then(() => {
      pass(call);
    });
  };
}
