import type { IncomingHttpHeaders } from "node:http2";
import type { AnswerEncoder } from "./answer-encoder.ts";
import type { Admit } from "./authentication.ts";
import type { CalledMethod, CallContext } from "./call-context.ts";
import { Code } from "./code.ts";
import type { Decode } from "./definition.ts";
import type { ErrorBoundary } from "./error-boundary.ts";
import type { LiveCalls } from "./live-calls.ts";
import { MessageQueue } from "./message-queue.ts";
import type { RequestCheck } from "./read-requests.ts";
import { RpcError } from "./rpc-error.ts";
import type { Turns } from "./turns.ts";

/** A handler after its types were checked by `implement`: from here on, messages pass through unseen. */
export type UntypedHandler = (input: unknown, call: CallContext) => unknown;

/**
 * What one method needs to answer its calls, in the order in which a call meets it: error boundary,
 * authentication and authorisation, deadline, validation, handler. Made once, when the server starts.
 */
export interface MethodRuntime extends CalledMethod {
  readonly live: LiveCalls;
  /** When handlers begin. */
  readonly turns: Turns;
  /** Told what each call was sent with; undefined where nothing of that is of interest. */
  readonly noteRetry: ((headers: IncomingHttpHeaders) => void) | undefined;
  readonly boundary: ErrorBoundary;
  /** Lets callers pass who may call; undefined where anyone may. */
  readonly admit: Admit | undefined;
  /** Decodes a request. */
  readonly decode: Decode<unknown>;
  /** Finds what is wrong with a request; undefined where nothing can be. */
  readonly check: RequestCheck | undefined;
  readonly handler: UntypedHandler;
  /** Encodes its answers, as they are sent. */
  readonly answers: AnswerEncoder;
}

/** Calls a handler with a stream of requests, or with the one request: decoded, and checked. */
export function handle(
  { handler, decode, check }: MethodRuntime,
  context: CallContext,
  input: MessageQueue<unknown> | Uint8Array,
): unknown {
  let request: unknown = input;
  if (!(input instanceof MessageQueue)) {
    request = decodeWith(decode, input);
    const violations = check?.(request);
    if (violations !== undefined && violations.length > 0) {
      throw RpcError.invalidArgument(violations);
    }
  }
  context.handled = true;
  return handler(request, context);
}

/** https://github.com/grpc/grpc/blob/master/doc/statuscodes.md: "Error parsing request proto" */
function decodeWith(decode: MethodRuntime["decode"], bytes: Uint8Array): unknown {
  try {
    return decode(bytes);
  } catch (cause) {
    throw new RpcError(Code.INTERNAL, "the request cannot be decoded", { cause });
  }
}
