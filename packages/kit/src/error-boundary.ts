import { randomUUID } from "node:crypto";
import type { CallContext } from "./call-context.ts";
import { Code } from "./code.ts";
import { undeclared } from "./declared-status.ts";
import type { Logger } from "./logger.ts";
import { detailsKey, retryInfo, RpcError } from "./rpc-error.ts";
import { traceFields } from "./trace-fields.ts";

/** Turns whatever a handler throws into the status that its caller gets. */
export type ErrorBoundary = (error: unknown, call: CallContext) => RpcError;

/** What a boundary is made of. */
export interface ErrorBoundaryOptions {
  /** The status for an error of the domain's; undefined for one that it does not know. */
  readonly toRpcError: (error: unknown, call: CallContext) => RpcError | undefined;
  readonly logger: Logger;
  /** Whether callers are told which status a handler should not have answered with. */
  readonly development: boolean;
  /** How long callers are told to wait after an UNAVAILABLE that does not say, in milliseconds. */
  readonly retryAfterMs: number;
}

/**
 * Makes the boundary between a service's handlers and their callers. A status that the contract knows
 * passes, an error of the domain's as the service maps it. All else is a defect: its stack goes to the
 * log, and the caller gets INTERNAL, a fixed text and the id to find the stack by. It never throws,
 * whatever it is given.
 */
export function createErrorBoundary(options: ErrorBoundaryOptions): ErrorBoundary {
  const { toRpcError, logger, development, retryAfterMs } = options;
  const statusOf = (error: unknown, call: CallContext): RpcError | undefined => {
    try {
      const status = error instanceof RpcError ? error : toRpcError(error, call);
      // Neither OK nor a number that is no code is a failure to tell a caller.
      return status !== undefined && status.code !== Code.OK && status.code in Code
        ? status
        : undefined;
    } catch (err) {
      logger.error({ err }, "toRpcError failed");
      return undefined;
    }
  };
  const defect = (error: unknown, call: CallContext, text = "internal error"): RpcError => {
    const requestId = randomUUID();
    const line = { path: call.path, correlationId: requestId, ...traceFields(call.trace) };
    const message = text === "internal error" ? "handler failed" : text;
    try {
      logger.error({ ...line, err: error }, message);
    } catch {
      logger.error(line, `${message} with something that cannot be logged`);
    }
    const shown = development ? text : "internal error";
    return new RpcError(Code.INTERNAL, `${shown}, correlation id ${requestId}`, {
      details: [{ type: "RequestInfo", value: { requestId, servingData: "" } }],
      cause: error,
    });
  };
  return (error, call) => {
    const known = statusOf(error, call);
    if (known !== undefined) {
      // A handler that has been told to stop may say so in its words: nobody is told any more.
      const binding = call.handled && call.aborted === undefined;
      const problem = binding ? undeclared(call.method, known) : undefined;
      if (problem !== undefined) return defect(error, call, problem);
      logger.debug({ path: call.path, code: known.code, err: error }, "call failed");
      const status = binding && known.received ? inOurWords(known, call) : known;
      return withRetryInfo(status, retryAfterMs);
    }
    // What a handler throws once it has been told to stop, or its time is up, is no defect.
    const { ended } = call;
    if (ended === undefined) return defect(error, call);
    logger.debug({ path: call.path, code: ended.code, err: error }, "call failed");
    return ended;
  };
}

/** That another service does not answer, without that service's words and trailers; its own reasons stay. */
function inOurWords(status: RpcError, { method }: CallContext): RpcError {
  if (method.policy === undefined || status.domain === method.service) return status;
  const details = status.details.filter(({ type }) => type === "RetryInfo");
  return new RpcError(status.code, "a service that this one needs did not answer", {
    details,
    cause: status,
  });
}

/** Where something cannot be reached, callers are told when to try again. */
function withRetryInfo(status: RpcError, afterMs: number): RpcError {
  if (status.code !== Code.UNAVAILABLE || status.retryAfterMs !== undefined) return status;
  // Details that a handler has encoded itself are not added to.
  if ((status.metadata?.get(detailsKey).length ?? 0) > 0) return status;
  return new RpcError(status.code, status.text, {
    details: [...status.details, retryInfo(afterMs)],
    ...(status.metadata && { metadata: status.metadata }),
    cause: status.cause,
  });
}
