import type { Http2Session } from "node:http2";

/** Who waits for the next ping of a connection, while one is under way. Node allows ten at a time. */
const waiting = new WeakMap<Http2Session, (() => void)[]>();

/**
 * Believes a client that has sent its last request only once it has answered a ping. A client on Node
 * that gives up ends its stream first and resets it a moment later, in a packet of its own: until then,
 * half a batch looks complete, and one in ten was kept. The reset comes before the answer to the ping.
 * Source: https://github.com/nodejs/node/blob/v24.x/lib/internal/http2/core.js, `closeStream`
 */
export function confirmEnd(session: Http2Session | undefined, proceed: () => void): void {
  if (session === undefined || session.destroyed || session.closed) {
    // Where the connection breaks, Node ends a stream a moment before it closes it.
    setImmediate(proceed);
    return;
  }
  const next = waiting.get(session);
  if (next !== undefined) {
    // The ping under way was sent before this request stream's end.
    next.push(proceed);
    return;
  }
  waiting.set(session, []);
  session.ping(() => {
    // What came with the answer is read in this turn.
    setImmediate(proceed);
    const others = waiting.get(session) ?? [];
    waiting.delete(session);
    for (const other of others) confirmEnd(session, other);
  });
}
