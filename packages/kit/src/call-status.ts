import type { Metadata, StatusObject } from "@grpc/grpc-js";
import { Code } from "./code.ts";
import type { WireStatus } from "./wire-call.ts";

/** What is said of an answer that nobody can read. */
export const unknownCompression = "the answer is compressed in a way that the client does not know";

/**
 * What grpc-js says where no address answers, around what is wrong: each policy repeats what the one below it says,
 * and the last adds a heading that mostly has nothing below it.
 */
const wrapping =
  /^round_robin: No connection established\. Last error: (?=No connection)| Resolution note: $/g;

/** By how much a server's timer may be ahead of ours, in milliseconds. */
const timerJitterMs = 10;

/**
 * A status that can be told. Of an answer that is compressed in a way it does not know, grpc-js 1.14.7 gives a status
 * without a code (`compression-filter.js`); that is INTERNAL
 * (https://github.com/grpc/grpc/blob/master/doc/compression.md). And where a server resets a stream at its deadline, that
 * may come before our own timer: "the client is encouraged to check whether the deadline has expired and fail the call
 * with DEADLINE_EXCEEDED instead of CANCELLED" (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
 */
export function readable(status: WireStatus, endsAt: number): StatusObject {
  if (isComplete(status) && status.code !== Code.CANCELLED) return status;
  const { code, details, metadata } = status;
  if (code === undefined) {
    return { code: Code.INTERNAL, details: unknownCompression, metadata };
  }
  const isReset = Object.keys(metadata.getMap()).length === 0;
  if (isReset && Date.now() + timerJitterMs >= endsAt) {
    return { code: Code.DEADLINE_EXCEEDED, details: "the deadline passed", metadata };
  }
  return { code, details, metadata };
}

function isComplete(status: WireStatus): status is WireStatus & StatusObject {
  return status.code !== undefined;
}

/**
 * A failure as it is. An answer may come before the last request: grpc-js then ends the stream, and lets the
 * error of the next write replace the server's OK.
 */
export function corrected(status: StatusObject): StatusObject {
  const { code, details } = status;
  if (code === Code.INTERNAL && details === "Write error: write after end") {
    return { code: Code.OK, details, metadata: status.metadata };
  }
  return code === Code.UNAVAILABLE
    ? { code, details: details.replaceAll(wrapping, ""), metadata: status.metadata }
    : status;
}

/**
 * Whether it is grpc-js that says a server has not looked at the call. It keeps the code of the reset to itself; a
 * server's own status comes with the rest of its trailers.
 */
export function isRefused({ code, details, metadata }: StatusObject): boolean {
  return (
    code === Code.UNAVAILABLE &&
    details === "Stream refused by server" &&
    Object.keys(metadata.getMap()).length === 0
  );
}

/** Whether it is grpc-js that says the connection was lost: by its own words, or those of the system. */
export function isLost({ code, details, metadata }: StatusObject): boolean {
  return (
    code === Code.UNAVAILABLE &&
    /^(?:Connection dropped$|(?:read|write) E[A-Z]+$)/.test(details) &&
    Object.keys(metadata.getMap()).length === 0
  );
}

/** How often grpc-js has tried again, by what it notes in the metadata that it receives. */
export function retriesIn(metadata: Metadata): number {
  const [attempts] = metadata.get("grpc-previous-rpc-attempts");
  return Number(attempts ?? 0);
}
