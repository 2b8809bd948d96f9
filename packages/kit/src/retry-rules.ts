import { z } from "zod";
import { Code } from "./code.ts";

/** How the calls of a method are tried again. */
export interface RetryRules {
  readonly maxAttempts: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly backoffMultiplier: number;
  readonly codes: ReadonlySet<Code>;
}

const seconds = z
  .string()
  .regex(/^\d+(\.\d+)?s$/)
  .transform((text) => Number(text.slice(0, -1)) * 1000);

const codesByName: ReadonlyMap<string, unknown> = new Map(Object.entries(Code));

const code = z
  .union([z.number(), z.string().transform((name) => codesByName.get(name.toUpperCase()))])
  .pipe(z.enum(Code));

/** As grpc-js has it from a service config, once it has checked it. */
const retryPolicy = z.object({
  maxAttempts: z.number(),
  initialBackoff: seconds,
  maxBackoff: seconds,
  backoffMultiplier: z.number(),
  retryableStatusCodes: z.array(code),
});

/** What a service config's retry policy says; no call is tried more often than `maxAttempts` allows. */
export function retryRulesOf(policy: unknown, maxAttempts: number): RetryRules | undefined {
  if (policy === undefined || policy === null) return undefined;
  const { initialBackoff, maxBackoff, retryableStatusCodes, ...rest } = retryPolicy.parse(policy);
  return {
    ...rest,
    maxAttempts: Math.min(rest.maxAttempts, maxAttempts),
    initialBackoffMs: initialBackoff,
    maxBackoffMs: maxBackoff,
    codes: new Set(retryableStatusCodes),
  };
}

/**
 * Ends retries while most calls fail: each failure costs a token, each success gives back a part of one, and below half
 * of them nothing is tried again (https://github.com/grpc/proposal/blob/master/A6-client-retries.md#throttling-retry-attempts-and-hedged-rpcs).
 */
export class RetryThrottle {
  readonly #maxTokens: number;
  readonly #tokenRatio: number;
  #tokens: number;

  constructor({ maxTokens, tokenRatio }: { maxTokens: number; tokenRatio: number }) {
    this.#maxTokens = maxTokens;
    this.#tokenRatio = tokenRatio;
    this.#tokens = maxTokens;
  }

  get allowsRetries(): boolean {
    return this.#tokens > this.#maxTokens / 2;
  }

  succeeded(): void {
    this.#tokens = Math.min(this.#tokens + this.#tokenRatio, this.#maxTokens);
  }

  failed(): void {
    this.#tokens = Math.max(this.#tokens - 1, 0);
  }
}
