import { AnswerError } from "./answer-encoder.ts";
import type { CallContext } from "./call-context.ts";
import { Code } from "./code.ts";
import type { ErrorBoundary } from "./error-boundary.ts";
import { RpcError } from "./rpc-error.ts";

/** What a caller gets of an error that nobody can make anything of. */
const unreadable = new RpcError(Code.INTERNAL, "internal error");

/** The status that a call's caller gets for what its handler threw, as it is sent. It never throws, whatever that is. */
export function statusOfFailure(
  boundary: ErrorBoundary,
  context: CallContext,
  error: unknown,
): ReturnType<RpcError["toStatus"]> {
  try {
    const status = error instanceof AnswerError ? error.status : boundary(error, context);
    return status.toStatus(context.trailerIfAny);
  } catch (cause) {
    // Such as a text that is none: types are no more than what code that is not checked makes of them.
    try {
      return boundary(cause, context).toStatus(context.trailerIfAny);
    } catch {
      return unreadable.toStatus();
    }
  }
}
