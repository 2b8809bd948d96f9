import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import type { ServerInterceptor, ServerInterceptingCall } from "@grpc/grpc-js";
import { Code } from "./code.ts";
import { errorCodeOf } from "./message-of.ts";
import { MessageDecoder, type Refused } from "./message-decoder.ts";
import type { OpenCall } from "./open-call.ts";
import type { OpenCalls } from "./open-calls.ts";
import { tryAgain } from "./refusal.ts";
import { RpcError } from "./rpc-error.ts";

/** How many messages are decompressed at a time: as many as Node.js has threads for it, where nothing is set. */
const maxDecompressing = 4;

/** After how many milliseconds a call that found no room may be tried again. */
const retryAfterMs = 200;

const decompressors: Readonly<
  Record<string, (bytes: Buffer, maxBytes: number) => Promise<Buffer>>
> = {
  gzip: (bytes, maxOutputLength) => promisify(gunzip)(bytes, { maxOutputLength }),
  deflate: (bytes, maxOutputLength) => promisify(inflate)(bytes, { maxOutputLength }),
};

/**
 * Bounds what the requests of a call may take: each message by the limit of its method, on the wire and decompressed,
 * and all that wait for their handlers together. grpc-js has one limit for all methods, and none for all calls: 0.8 MB
 * on the wire have it hold 1.7 GB. Its decoder and decompression are replaced for that (1.14.7,
 * `BaseServerInterceptingCall`), which it keeps to itself.
 */
export function boundRequests(calls: OpenCalls): ServerInterceptor {
  const decompressing = new Slots(maxDecompressing);
  return (method, call) => {
    const open = calls.of(call);
    if (open !== undefined) {
      const fail = (error: RpcError): void => {
        call.sendStatus(error.toStatus());
      };
      const encoding: unknown = Reflect.get(call, "incomingEncoding");
      const { maxRequestBytes: maxBytes } = open.method;
      const isCompressed = encoding !== "identity";
      const decoder = new MessageDecoder({
        call: open,
        maxBytes,
        hasEncoding: isCompressed,
        isStream: method.requestStream,
        refuse: (why, bytes) => {
          fail(refusals[why](bytes, maxBytes));
        },
      });
      Reflect.set(call, "decoder", decoder);
      if (isCompressed) {
        Reflect.set(call, "decompressMessage", (framed: Buffer, name: string) =>
          decompressing.use(() => decompress(framed.subarray(5), name, open)),
        );
      }
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The type asks for a wrapped call, but grpc-js needs only what the call itself has.
    return call as ServerInterceptingCall;
  };
}

const refusals: Readonly<Record<Refused, (bytes: number, maxBytes: number) => RpcError>> = {
  TOO_LARGE: (bytes, maxBytes) => tooLarge(`has ${bytes} bytes`, maxBytes),
  TOO_MANY_WAIT: tooManyWait,
  SECOND: () => new RpcError(Code.UNIMPLEMENTED, "the method takes no second request message"),
  // https://github.com/grpc/grpc/blob/master/doc/compression.md, test case 6
  NO_ENCODING: () =>
    new RpcError(Code.INTERNAL, "the request is compressed, but grpc-encoding does not say how"),
};

/** An error that grpc-js sends as it is. */
function sendable(error: RpcError): Error {
  return Object.assign(new Error(error.text), error.toStatus());
}

/** What is thrown is sent as the call's status. */
async function decompress(bytes: Buffer, encoding: string, open: OpenCall): Promise<Buffer> {
  // Of a call that says how it is compressed, not every message has to be; of one that is over, none is of use.
  if (encoding === "identity" || open.isOver) return bytes;
  const decompressor = Object.hasOwn(decompressors, encoding) ? decompressors[encoding] : undefined;
  if (decompressor === undefined) {
    const text = `the request has the unsupported encoding "${encoding}"; gzip and deflate are supported`;
    throw sendable(new RpcError(Code.UNIMPLEMENTED, text));
  }
  const { maxRequestBytes } = open.method;
  const message = await decompressor(bytes, maxRequestBytes).catch((error: unknown) => {
    if (errorCodeOf(error) === "ERR_BUFFER_TOO_LARGE") {
      throw sendable(tooLarge("has more bytes once it is decompressed", maxRequestBytes));
    }
    throw sendable(new RpcError(Code.INTERNAL, "the request cannot be decompressed"));
  });
  if (!open.isHandled && !open.hold(message.length)) throw sendable(tooManyWait());
  return message;
}

function tooLarge(what: string, maxBytes: number): RpcError {
  return new RpcError(Code.RESOURCE_EXHAUSTED, `the request ${what}; the method takes ${maxBytes}`);
}

function tooManyWait(): RpcError {
  const text = "the requests that wait to be answered take too much memory";
  return tryAgain(Code.RESOURCE_EXHAUSTED, text, retryAfterMs);
}

/** Lets only so many do something at a time; the others wait. */
class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
