/** What precedes each message: a flag and its length (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). */
const prefixBytes = 5;

/** Puts messages, encoded, one after the other as gRPC does. */
export function framed(messages: readonly Uint8Array[]): Buffer {
  const length = messages.reduce((sum, message) => sum + prefixBytes + message.length, 0);
  const bytes = Buffer.alloc(length);
  let at = 0;
  for (const message of messages) {
    bytes.writeUInt32BE(message.length, at + 1);
    bytes.set(message, at + prefixBytes);
    at += prefixBytes + message.length;
  }
  return bytes;
}

/** Takes messages out of the bytes of a stream, as they come. */
export class MessageReader {
  #rest: Buffer = Buffer.alloc(0);

  /** Calls `take` with each message that is complete with these bytes. */
  read(bytes: Buffer, take: (message: Buffer) => void): void {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    while (all.length - at >= prefixBytes) {
      const end = at + prefixBytes + all.readUInt32BE(at + 1);
      if (end > all.length) break;
      take(all.subarray(at + prefixBytes, end));
      at = end;
    }
    this.#rest = all.subarray(at);
  }
}
