import type { CallOptions } from "./call-options.ts";
import type { CallScope } from "./call-scope.ts";
import type { DeadlineQueue, PendingDeadline } from "./deadline-queue.ts";
import type { MethodCaller } from "./method-caller.ts";
import type { StreamResets } from "./stream-resets.ts";
import type { CallTiming } from "./timed-metadata.ts";

/**
 * The longest timeout that is sent, in milliseconds: 24 days. Past 2^31 a grpc-js server takes it for
 * one that is over already.
 */
const longestTimeoutMs = 24 * 24 * 60 * 60 * 1000;

/**
 * When a call has to be over, in milliseconds since 1970, Infinity for never: as its options say, or else its method,
 * but no later than the contract allows, and than the call whose handler makes it. Throws a RangeError where the
 * deadline is no time.
 */
export function endOf(
  { timeoutMs, maxTimeoutMs }: MethodCaller,
  { deadline, timeoutMs: wait = timeoutMs }: CallOptions,
  parent: CallScope | undefined,
  now: number,
): number {
  const left = deadline === undefined ? wait : deadline.getTime() - now;
  if (Number.isNaN(left)) throw new RangeError("the deadline is not a time");
  const allowed = Math.min(left, maxTimeoutMs, (parent?.endsAt ?? Infinity) - now);
  return allowed > longestTimeoutMs ? Infinity : now + allowed;
}

/** A call that has a deadline. */
export interface TimedCall {
  /** The deadline has passed: whoever waits for the call is told. */
  expire(text: string): void;
  /** The call is of no use to anybody any more. */
  discard(): void;
}

/** The deadline of one call that a client makes: for whoever waits, and then for the connection. */
export class CallDeadline implements CallTiming {
  readonly endsAt: number;
  readonly #call: TimedCall;
  readonly #resets: StreamResets;
  readonly #target: string;
  #pending: PendingDeadline | undefined;
  #isSent = false;
  #hasPassed = false;
  #isOver = false;

  constructor(endsAt: number, call: TimedCall, { resets, target }: MethodCaller) {
    this.endsAt = endsAt;
    this.#resets = resets;
    this.#target = target;
    this.#call = call;
  }

  /** Begins to wait for it: in a queue of deadlines that are as far away, where there is one. */
  watch(now: number, queue: DeadlineQueue | undefined): void {
    if (this.#hasPassed || this.#isOver) return;
    const pass = (): void => {
      this.pass();
    };
    this.#pending = queue?.add(pass) ?? timeout(this.endsAt - now, pass);
  }

  /** The deadline is there. */
  pass(): void {
    if (this.#hasPassed) return;
    this.#hasPassed = true;
    this.#pending?.cancel();
    this.#call.expire(this.#text);
    if (this.#isSent && !this.#isOver) this.#pending = this.#resets.leave(this.#discard);
    else this.#discard();
  }

  /** The call has ended on the wire. */
  over(): void {
    this.#isOver = true;
    this.#pending?.cancel();
  }

  /** The call is about to be sent. */
  onSend(): void {
    this.#isSent = true;
    // A retry of what nobody waits for any more; the stream is there once this returns.
    if (this.#hasPassed) queueMicrotask(this.#discard);
  }

  get #text(): string {
    if (this.#isSent) return "the deadline passed";
    return this.#pending === undefined
      ? "the deadline had passed before the call was made"
      : `the deadline passed before the call was sent: there was no connection to ${this.#target}`;
  }

  get #discard(): () => void {
    return () => {
      this.#call.discard();
    };
  }
}

/** One that is as far away as no other. The process waits for it, as for any answer. */
function timeout(ms: number, expire: () => void): PendingDeadline {
  const timer = setTimeout(expire, ms);
  return {
    cancel: () => {
      clearTimeout(timer);
    },
  };
}
