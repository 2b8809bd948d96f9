import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import { Code } from "./code.ts";
import { errorCodeOf } from "./message-of.ts";
import type { OpenCall } from "./open-call.ts";
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
 * Decompresses the message of a call: no more at a time than others of all calls, no more bytes than its method takes, and
 * no more than there is room for. Rejects with an {@link RpcError}.
 */
export function decompress(bytes: Buffer, encoding: string, open: OpenCall): Promise<Buffer> {
  return slots.use(() => decompressNow(bytes, encoding, open));
}

async function decompressNow(bytes: Buffer, encoding: string, open: OpenCall): Promise<Buffer> {
  // Of one that is over, the message is of no use.
  if (open.isOver) return bytes;
  const decompressor = Object.hasOwn(decompressors, encoding) ? decompressors[encoding] : undefined;
  if (decompressor === undefined) {
    const text = `the request has the unsupported encoding "${encoding}"; gzip and deflate are supported`;
    throw new RpcError(Code.UNIMPLEMENTED, text);
  }
  const { maxRequestBytes } = open.method;
  const message = await decompressor(bytes, maxRequestBytes).catch((error: unknown) => {
    if (errorCodeOf(error) === "ERR_BUFFER_TOO_LARGE") {
      throw tooLarge("has more bytes once it is decompressed", maxRequestBytes);
    }
    throw new RpcError(Code.INTERNAL, "the request cannot be decompressed");
  });
  if (!open.isHandled && !open.holdPart(message.length)) throw tooManyWait();
  return message;
}

/** A request is larger than its method takes. */
export function tooLarge(what: string, maxBytes: number): RpcError {
  return new RpcError(Code.RESOURCE_EXHAUSTED, `the request ${what}; the method takes ${maxBytes}`);
}

/** There is no room for a request. */
export function tooManyWait(): RpcError {
  const text = "the calls that wait take too much memory";
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

const slots = new Slots(maxDecompressing);
