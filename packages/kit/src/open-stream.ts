import { AsyncResource } from "node:async_hooks";
import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

/** Whether a stream is being opened, for all copies of this module that a process may have. */
interface Opening {
  isUnderWay: boolean;
}

const key = Symbol.for("@org/kit/open-stream");
let opening: Opening | undefined;

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
  opening ??= prepare();
  opening.isUnderWay = true;
  try {
    return session.request(headers);
  } finally {
    opening.isUnderWay = false;
  }
}

function prepare(): Opening {
  const known: unknown = Reflect.get(AsyncResource, key);
  if (isOpening(known)) return known;
  const own = { isUnderWay: false };
  Reflect.set(AsyncResource, key, own);
  // oxlint-disable-next-line typescript/unbound-method -- It is called with the `this` of whoever calls it.
  const { bind } = AsyncResource.prototype;
  Reflect.set(AsyncResource.prototype, "bind", bindUnlessOpening);
  return own;

  function bindUnlessOpening(
    this: AsyncResource,
    ...args: [fn: AnyFunction, thisArg?: unknown]
  ): unknown {
    if (!own.isUnderWay || args.length > 1) return Reflect.apply(bind, this, args);
    // The request binds once. Should anybody bind before it, theirs does what it is to do as well.
    own.isUnderWay = false;
    const [fn] = args;
    const run = (self: unknown, rest: unknown[]): unknown =>
      this.runInAsyncScope(fn, self, ...rest);
    return function (this: unknown, ...rest: unknown[]) {
      return run(this, rest);
    };
  }
}

function isOpening(value: unknown): value is Opening {
  return typeof value === "object" && value !== null && "isUnderWay" in value;
}
