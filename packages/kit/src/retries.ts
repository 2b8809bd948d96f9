import type { RetryRules, RetryThrottle } from "./retry-rules.ts";
import type { StreamStatus } from "./stream-status.ts";

/** No timer holds more milliseconds: 24 days. */
const maxTimerMs = 2 ** 31 - 1;

/** What becomes of one call whose attempts fail. */
export class Retries {
  /** How often the call has been tried again by the rules: what a server has refused unseen is not counted. */
  count = 0;
  readonly #rules: RetryRules | undefined;
  readonly #throttle: RetryThrottle | undefined;
  #backoffMs: number;
  #wasRefused = false;

  /** Without rules, a call is tried again only where a server has not looked at it. */
  constructor(rules: RetryRules | undefined, throttle: RetryThrottle | undefined) {
    this.#rules = rules;
    this.#throttle = throttle;
    this.#backoffMs = rules?.initialBackoffMs ?? 0;
  }

  /** Whether most calls of the channel succeed, so that this one may be tried again now. */
  get isAllowed(): boolean {
    return this.#throttle?.allowsRetries ?? true;
  }

  /** An attempt has succeeded. */
  succeeded(): void {
    this.#throttle?.succeeded();
  }

  /** Whether another attempt can be made at once, as nobody has seen the one that has failed: once for each call. */
  isFree({ isRefused }: StreamStatus): boolean {
    if (!isRefused || this.#wasRefused) return false;
    this.#wasRefused = true;
    return true;
  }

  /** After how many milliseconds the call is tried again that has failed; undefined where it is not. */
  waitAfter({ code, pushbackMs }: StreamStatus): number | undefined {
    const rules = this.#rules;
    if (rules?.codes.has(code) !== true) return undefined;
    this.#throttle?.failed();
    if (this.count + 1 >= rules.maxAttempts) return undefined;
    if (pushbackMs === undefined) {
      const waitMs = this.#backoffMs * jitter();
      this.#backoffMs = Math.min(this.#backoffMs * rules.backoffMultiplier, rules.maxBackoffMs);
      return waitMs;
    }
    this.#backoffMs = rules.initialBackoffMs;
    return pushbackMs >= 0 && pushbackMs <= maxTimerMs ? pushbackMs : undefined;
  }
}

/** By ±20 % (https://github.com/grpc/proposal/blob/master/A6-client-retries.md#exponential-backoff). */
function jitter(): number {
  return 0.8 + 0.4 * Math.random();
}
