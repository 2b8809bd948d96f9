import { framedEncoderOf, type MessageType } from "./definition.ts";
import { prefixBytes } from "./frame-reader.ts";

/**
 * An answer that was encoded before it was asked for, from {@link encoded}: for what many callers get. `T` is the message
 * that it is.
 */
export class Encoded<T> {
  /** @internal The bytes, with the prefix that says how many they are. */
  readonly frame: Buffer;
  /** Only so that one message is not taken for another. */
  declare protected readonly message: T;

  /** @internal Made by {@link encoded}. */
  constructor(frame: Buffer) {
    this.frame = frame;
  }

  /** How many bytes the message has. */
  get bytes(): number {
    return this.frame.length - prefixBytes;
  }
}

/**
 * Encodes a message once, for a handler that returns it, or yields it, many times: a cached answer costs its method no
 * encoding. Throws where the message cannot be encoded.
 */
export function encoded<T>(type: MessageType<T>, message: T): Encoded<T> {
  const frame = framedEncoderOf(type)(message);
  // A copy in memory of its own, as what is kept must not keep others: Buffer.from would share 64 KiB with them.
  const own = Buffer.allocUnsafeSlow(frame.length);
  own.set(frame);
  return new Encoded(own);
}
