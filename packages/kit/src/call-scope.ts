import { AsyncLocalStorage } from "node:async_hooks";

/** What the calls that a handler makes have from the call that it answers. */
export interface CallScope {
  /** When that call ends, in milliseconds since 1970; Infinity where it never does. */
  readonly endsAt: number;
  /** Aborted once nobody waits for its answer any more. */
  readonly signal: AbortSignal;
}

const storage = new AsyncLocalStorage<CallScope>();

let hasReaders = false;

/** Has handlers run in the scope of their calls from now on. Before any client was made, that would be for nobody. */
export function readCallScopes(): void {
  hasReaders = true;
}

/** Does what a call asks for; whatever it starts knows the call. */
export function inScopeOf<T>(call: CallScope, work: () => T): T {
  return hasReaders ? storage.run(call, work) : work();
}

/** The call that the running code answers; undefined where it answers none. */
export function currentCall(): CallScope | undefined {
  return storage.getStore();
}
