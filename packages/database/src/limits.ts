/** The call that the running code answers, as far as statements are concerned. */
export interface CurrentCall {
  /** When it ends, in milliseconds since 1970; Infinity where it never does. */
  readonly endsAt: number;
  /** Aborted once nobody waits for its answer any more. */
  readonly signal: AbortSignal;
}

/** What may end a statement before it is done. */
export interface Limits {
  readonly signal: AbortSignal | undefined;
  /** In milliseconds since 1970; Infinity for no end. */
  readonly endsAt: number;
}

/** The limits of what is asked for with a signal, or by a call, or both: whichever comes first. */
export function limitsOf(signal: AbortSignal | undefined, call: CurrentCall | undefined): Limits {
  if (call === undefined) return { signal, endsAt: Infinity };
  return { signal: either(signal, call.signal), endsAt: call.endsAt };
}

/** The same limits, with one more signal. */
export function alsoLimitedBy(signal: AbortSignal | undefined, limits: Limits): Limits {
  if (signal === undefined) return limits;
  const { endsAt } = limits;
  return { signal: either(signal, limits.signal), endsAt };
}

/**
 * Throws the signal's reason; where the time is up and the signal has not said so yet, a DOMException
 * named TimeoutError, as `AbortSignal.timeout` does.
 */
export function throwIfOver({ signal, endsAt }: Limits): void {
  signal?.throwIfAborted();
  if (endsAt <= Date.now()) throw new DOMException("the time of the call is up", "TimeoutError");
}

function either(one: AbortSignal | undefined, other: AbortSignal | undefined) {
  if (one === undefined || one === other) return other;
  return other === undefined ? one : AbortSignal.any([one, other]);
}
