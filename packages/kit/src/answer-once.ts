import type { sendUnaryData } from "@grpc/grpc-js";
import type { CallContext } from "./call-context.ts";
import { inScopeOf } from "./call-scope.ts";
import { Code } from "./code.ts";
import { setDeadline } from "./deadline-queue.ts";
import { MessageQueue } from "./message-queue.ts";
import { handle, type MethodRuntime } from "./method-runtime.ts";
import { RpcError } from "./rpc-error.ts";

/** Sends the status, with the answer where it is OK. */
export type Respond = sendUnaryData<unknown>;

/** Lets a call that is answered with one message through to its handler, and sends what that returns or throws. */
export function answerOnce(
  runtime: MethodRuntime,
  context: CallContext,
  respond: Respond,
  input: MessageQueue<unknown> | Uint8Array,
): void {
  if (context.aborted !== undefined) {
    // It has waited for its turn for too long.
    settle(runtime, context, false);
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
    fail(runtime, context, respond, error);
    return;
  }
  if (!isPromise(response)) {
    // A handler that does not wait is answered in the same turn, and needs no timer.
    succeed(runtime, context, respond, response);
    return;
  }
  // Of what the contract ends before the caller's deadline, grpc-js knows nothing.
  const { policyTimeoutMs } = context;
  const deadline =
    policyTimeoutMs === undefined
      ? undefined
      : setDeadline(policyTimeoutMs, () => {
          const error = new RpcError(Code.DEADLINE_EXCEEDED, "the deadline passed");
          if (!context.abort(error)) return;
          if (input instanceof MessageQueue) input.fail(error);
          respond(error.toStatus());
        });
  response.then(
    (message) => {
      deadline?.cancel();
      succeed(runtime, context, respond, message);
    },
    (error: unknown) => {
      deadline?.cancel();
      fail(runtime, context, respond, error);
    },
  );
}

function settle({ live }: MethodRuntime, { open }: CallContext, succeeded: boolean): void {
  open?.handlerSettled(succeeded);
  live.partDone();
}

function succeed(
  runtime: MethodRuntime,
  context: CallContext,
  respond: Respond,
  response: unknown,
): void {
  settle(runtime, context, true);
  if (!context.answer()) return;
  if (context.refusal !== undefined) {
    respond(context.refusal.toStatus(context.trailerIfAny));
    return;
  }
  try {
    context.sendHeader();
    respond(null, response, context.trailerIfAny);
  } catch (error) {
    respond(runtime.boundary(error, context).toStatus());
  }
}

function fail(
  runtime: MethodRuntime,
  context: CallContext,
  respond: Respond,
  error: unknown,
): void {
  settle(runtime, context, false);
  const status = runtime.boundary(context.refusal ?? error, context);
  if (context.answer()) respond(status.toStatus(context.trailerIfAny));
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
