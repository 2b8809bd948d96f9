import { AsyncLocalStorage } from "node:async_hooks";
import type { CallTrace } from "./call-trace.ts";

/** What is done for a call, such as the calls that its handler makes, has from it. */
export interface CallScope {
  /** When the call ends, in milliseconds since 1970; Infinity where it never does. */
  readonly endsAt: number;
  /** Aborted once nobody waits for its answer any more. */
  readonly signal: AbortSignal;
}

interface ScopedCall extends CallScope {
  /** Whether its answer is on its way. */
  readonly isAnswered: boolean;
  /** Where it is in a trace; undefined where it is in none. */
  readonly trace: CallTrace | undefined;
}

const storage = new AsyncLocalStorage<ScopedCall>();

let hasReaders = false;

/** Has handlers run in the scope of their calls from now on. Before anybody reads them, that would be for nobody. */
export function readCallScopes(): void {
  hasReaders = true;
}

/** Does what a call asks for; whatever it starts knows the call. */
export function inScopeOf<T>(call: ScopedCall, work: () => T): T {
  return hasReaders ? storage.run(call, work) : work();
}

/** The call that the running code answers; undefined where it answers none, or goes on after the answer. */
export function currentCall(): CallScope | undefined {
  const call = storage.getStore();
  return call?.isAnswered === true ? undefined : call;
}

/** Where the call is in a trace that has started the running code, also after its answer. */
export function currentTrace(): CallTrace | undefined {
  return storage.getStore()?.trace;
}

/**
 * Has each call's handler run in its scope, and answers with what tells which call the running code
 * answers: undefined outside of a call, and after its answer. For what is to end with the call that it is
 * done for, such as the statements of a database.
 */
export function followCalls(): () => CallScope | undefined {
  readCallScopes();
  return currentCall;
}
