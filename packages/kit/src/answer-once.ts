import type { CallContext } from "./call-context.ts";
import { inScopeOf } from "./call-scope.ts";
import type { MessageQueue } from "./message-queue.ts";
import { handle, type MethodRuntime } from "./method-runtime.ts";
import { statusOfFailure } from "./status-of-failure.ts";
import type { RpcError } from "./rpc-error.ts";
import type { ServerCall } from "./server-call.ts";

/** Lets a call that is answered with one message through to its handler, and sends what that returns or throws. */
export function answerOnce(
  runtime: MethodRuntime,
  context: CallContext,
  call: ServerCall,
  input: MessageQueue<unknown> | Uint8Array,
): void {
  if (context.aborted !== undefined) {
    // It has waited for its turn for too long.
    settle(runtime, call, false);
    return;
  }
  let response: unknown;
  try {
    const admitted = runtime.admit?.(context);
    const answer = (): unknown => inScopeOf(context, () => handle(runtime, context, input));
    response =
      admitted === undefined
        ? answer()
        : admitted.then(() => {
            if (context.aborted !== undefined) throw context.aborted;
            return answer();
          });
  } catch (error) {
    fail(runtime, context, call, error);
    return;
  }
  if (!isPromise(response)) {
    // A handler that does not wait is answered in the same turn.
    succeed(runtime, context, call, response);
    return;
  }
  response.then(
    (message) => {
      succeed(runtime, context, call, message);
    },
    (error: unknown) => {
      fail(runtime, context, call, error);
    },
  );
}

function settle({ live }: MethodRuntime, { open }: ServerCall, succeeded: boolean): void {
  open.handlerSettled(succeeded);
  live.partDone();
}

function succeed(
  runtime: MethodRuntime,
  context: CallContext,
  call: ServerCall,
  response: unknown,
): void {
  settle(runtime, call, true);
  if (!context.answer()) return;
  if (context.refusal !== undefined) {
    call.sendStatus(context.refusal.toStatus(context.trailerIfAny));
    return;
  }
  try {
    const frame = runtime.answers.encode(response);
    context.sendHeader();
    call.end(frame, context.trailerIfAny);
  } catch (error) {
    call.sendStatus(statusOf(runtime, context, error));
  }
}

function statusOf(
  { boundary }: MethodRuntime,
  context: CallContext,
  error: unknown,
): ReturnType<RpcError["toStatus"]> {
  return statusOfFailure(boundary, context, error);
}

function fail(
  runtime: MethodRuntime,
  context: CallContext,
  call: ServerCall,
  error: unknown,
): void {
  settle(runtime, call, false);
  const status = statusOf(runtime, context, context.refusal ?? error);
  if (context.answer()) call.fail(status, context.headerIfAny);
}

/** Whoever made it: a promise of another realm, such as Node's own in a test of jest's, is no `Promise` here. */
function isPromise(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof value.then === "function"
  );
}
