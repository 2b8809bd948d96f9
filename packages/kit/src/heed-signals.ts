import type { CallScope } from "./call-scope.ts";
import { Code } from "./code.ts";
import { RpcError } from "./rpc-error.ts";

/**
 * Ends a call with its caller's signal, and with the call whose handler makes it: with CANCELLED, or with
 * DEADLINE_EXCEEDED where that one's deadline has passed. Returns what ends the listening.
 */
export function heedSignals(
  signal: AbortSignal | undefined,
  parent: CallScope | undefined,
  end: (error: RpcError) => void,
): () => void {
  const abort = (): void => {
    const cause: unknown = signal?.reason;
    end(new RpcError(Code.CANCELLED, "the caller cancelled the call", { cause }));
  };
  const abortWithParent = (): void => {
    const cause: unknown = parent?.signal.reason;
    const isLate = cause instanceof RpcError && cause.code === Code.DEADLINE_EXCEEDED;
    const code = isLate ? Code.DEADLINE_EXCEEDED : Code.CANCELLED;
    end(new RpcError(code, "the call that this one is for has ended", { cause }));
  };
  if (signal?.aborted === true || parent?.signal.aborted === true) {
    if (signal?.aborted === true) abort();
    else abortWithParent();
    return nothing;
  }
  signal?.addEventListener("abort", abort, { once: true });
  parent?.signal.addEventListener("abort", abortWithParent, { once: true });
  return () => {
    signal?.removeEventListener("abort", abort);
    parent?.signal.removeEventListener("abort", abortWithParent);
  };
}

function nothing(): void {
  // Who has aborted already does not do so again.
}
