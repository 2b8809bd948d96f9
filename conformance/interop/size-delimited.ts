/** The messages in a stream of bytes, each behind its length in four bytes, the most significant first. */
export async function* readDelimited(
  input: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const bytes of input) {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 4) {
      const end = 4 + rest.readUInt32BE();
      if (rest.length < end) break;
      yield rest.subarray(4, end);
      rest = rest.subarray(end);
    }
  }
  if (rest.length > 0) throw new Error("the input ends inside a message");
}

/** A message behind its length. */
export function delimited(message: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return Buffer.concat([length, message]);
}
