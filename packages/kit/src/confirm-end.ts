import type { Http2Session } from "node:http2";
import { ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import { Code } from "./code.ts";
import { sessionOf } from "./http2-stream.ts";
import type { OpenCalls } from "./open-calls.ts";
import { RpcError } from "./rpc-error.ts";

/**
 * Believes a client that has sent its last request only once it has answered a ping. A client on Node
 * that gives up ends its stream first and resets it a moment later, in a packet of its own: until then,
 * half a batch looks complete, and one in ten was kept. The reset comes before the answer to the ping.
 * Source: https://github.com/nodejs/node/blob/v24.x/lib/internal/http2/core.js, `closeStream`
 *
 * A stream that ends in the middle of a message is not complete either.
 */
export function confirmEnd(calls: OpenCalls): ServerInterceptor {
  return (method, call) => {
    const session = method.requestStream ? sessionOf(call) : undefined;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The type asks for a wrapped call, but grpc-js needs only what the call itself has.
    if (session === undefined) return call as ServerInterceptingCall;
    const open = calls.of(call);
    return new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveHalfClose: (proceed) => {
            if (open?.isCutShort === true) call.sendStatus(cutShort.toStatus());
            else afterPing(session, proceed);
          },
        });
      },
    });
  };
}

const cutShort = new RpcError(
  Code.INTERNAL,
  "the stream of requests ended in the middle of a message",
);

/** Who waits for the next ping of a connection, while one is under way. Node allows ten at a time. */
const waiting = new WeakMap<Http2Session, (() => void)[]>();

function afterPing(session: Http2Session, proceed: () => void): void {
  const next = waiting.get(session);
  if (next !== undefined) {
    // The ping under way was sent before this request stream's end.
    next.push(proceed);
    return;
  }
  if (session.destroyed || session.closed) {
    proceed();
    return;
  }
  waiting.set(session, []);
  session.ping(() => {
    // What came with the answer is read in this turn.
    setImmediate(proceed);
    const others = waiting.get(session) ?? [];
    waiting.delete(session);
    for (const other of others) afterPing(session, other);
  });
}
