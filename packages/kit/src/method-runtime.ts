import type { Metadata } from "@grpc/grpc-js";
import type { Admit } from "./authentication.ts";
import type { CalledMethod, CallContext } from "./call-context.ts";
import type { ErrorBoundary } from "./error-boundary.ts";
import type { LiveCalls } from "./live-calls.ts";
import type { RequestCheck } from "./read-requests.ts";
import { RpcError } from "./rpc-error.ts";

/** A handler after its types were checked by `implement`: from here on, messages pass through unseen. */
export type UntypedHandler = (input: unknown, call: CallContext) => unknown;

/**
 * What one method needs to answer its calls, in the order in which a call meets it: error boundary,
 * authentication and authorisation, deadline, validation, handler. Made once, when the server starts.
 */
export interface MethodRuntime extends CalledMethod {
  readonly live: LiveCalls;
  /** Told what each call was sent with; undefined where nothing of that is of interest. */
  readonly noteRetry: ((metadata: Metadata) => void) | undefined;
  readonly boundary: ErrorBoundary;
  /** Lets callers pass who may call; undefined where anyone may. */
  readonly admit: Admit | undefined;
  /** Finds what is wrong with a request; undefined where nothing can be. */
  readonly check: RequestCheck | undefined;
  readonly handler: UntypedHandler;
}

/** Calls a handler with a request that is checked. */
export function handle(
  { handler }: MethodRuntime,
  context: CallContext,
  input: unknown,
  check: RequestCheck | undefined,
): unknown {
  if (check !== undefined) {
    const violations = check(input);
    if (violations !== undefined && violations.length > 0) {
      throw RpcError.invalidArgument(violations);
    }
  }
  context.handled = true;
  return handler(input, context);
}
