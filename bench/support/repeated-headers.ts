import { encodeIndexedHeader, type Header, lastHeader } from "../../conformance/support/hpack.ts";

/** How much a header takes in the table that both sides keep, and how much all may (RFC 7541, section 4.1). */
const headerOverhead = 32;
const maxTableBytes = 4_096;

/** The headers of calls that are all alike, encoded. */
export interface RepeatedHeaders {
  /** Of a connection's first call: they are put into the table. */
  readonly first: Buffer;
  /** Of all others: a byte for each header. */
  readonly next: Buffer;
}

/** Encodes headers for a connection that sends no others. Throws a RangeError where they do not fit into the table. */
export function repeatedHeaders(headers: readonly Header[]): RepeatedHeaders {
  const tableBytes = headers.reduce(
    (sum, [name, value]) => sum + name.length + value.length + headerOverhead,
    0,
  );
  if (tableBytes > maxTableBytes) throw new RangeError("the headers do not fit into the table");
  return {
    first: Buffer.concat(headers.map(encodeIndexedHeader)),
    // The one that was put into it last has the lowest number.
    next: Buffer.from(headers.map((_, index) => lastHeader + headers.length - 1 - index)),
  };
}
