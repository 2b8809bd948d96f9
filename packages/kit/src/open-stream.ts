import { AsyncResource } from "node:async_hooks";
import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";

type BindArguments = [fn: (...args: unknown[]) => unknown, thisArg?: unknown];

let isOpening = false;
let isPrepared = false;

/**
 * Opens a stream on a session of a client: `session.request(headers)`, for less. Node.js (24.21) binds each request to
 * its asynchronous context by `AsyncResource.prototype.bind`, which gives the function that it returns a deprecated
 * property (DEP0172) with accessors of its own. V8 keeps such in a hidden class of each function, and those are old from
 * the start: all requests, with what calls hang on to them, would outlive each quick collection. Whoever else binds
 * functions has what Node.js makes of it.
 * Source: https://github.com/nodejs/node/blob/v24.21.0/lib/async_hooks.js
 */
export function openStream(
  session: ClientHttp2Session,
  headers: readonly string[],
): ClientHttp2Stream {
  if (!isPrepared) prepare();
  isOpening = true;
  try {
    return session.request(headers);
  } finally {
    isOpening = false;
  }
}

function prepare(): void {
  isPrepared = true;
  // oxlint-disable-next-line typescript/unbound-method -- It is called with the `this` of whoever calls it.
  const { bind } = AsyncResource.prototype;
  Reflect.set(AsyncResource.prototype, "bind", bindUnlessOpening);

  function bindUnlessOpening(this: AsyncResource, ...args: BindArguments): unknown {
    if (!isOpening) return Reflect.apply(bind, this, args);
    // The request binds once; whoever else binds while it is made is told of it by a diagnostics channel.
    isOpening = false;
    const [connected] = args;
    return () => this.runInAsyncScope(connected);
  }
}
