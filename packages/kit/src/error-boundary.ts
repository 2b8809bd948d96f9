import { randomUUID } from "node:crypto";
import type { CallContext } from "./call-context.ts";
import { Code } from "./code.ts";
import type { Logger } from "./logger.ts";
import { RpcError } from "./rpc-error.ts";

/** Turns whatever a handler throws into the status that its caller gets. */
export type ErrorBoundary = (error: unknown, call: CallContext) => RpcError;

/**
 * Makes the boundary between a service's handlers and their callers. A status passes as it is, an
 * error of the domain's as the service maps it. All else is a defect: its stack goes to the log, and
 * the caller gets INTERNAL, a fixed text and the id to find the stack by. It never throws, whatever
 * it is given.
 */
export function createErrorBoundary(
  toRpcError: (error: unknown) => RpcError | undefined,
  logger: Logger,
): ErrorBoundary {
  const statusOf = (error: unknown): RpcError | undefined => {
    try {
      const status = error instanceof RpcError ? error : toRpcError(error);
      // Neither OK nor a number that is no code is a failure to tell a caller.
      return status !== undefined && status.code !== Code.OK && status.code in Code
        ? status
        : undefined;
    } catch (err) {
      logger.error({ err }, "toRpcError failed");
      return undefined;
    }
  };
  return (error, call) => {
    const known = statusOf(error);
    if (known !== undefined) {
      logger.debug({ path: call.path, code: known.code, err: error }, "call failed");
      return known;
    }
    // What a handler throws once it has been told to stop is no defect.
    if (call.aborted !== undefined) return call.aborted;
    const requestId = randomUUID();
    const line = { path: call.path, correlationId: requestId };
    try {
      logger.error({ ...line, err: error }, "handler failed");
    } catch {
      logger.error(line, "handler failed with something that cannot be logged");
    }
    return new RpcError(Code.INTERNAL, `internal error, correlation id ${requestId}`, {
      details: [{ type: "RequestInfo", value: { requestId, servingData: "" } }],
      cause: error,
    });
  };
}
