import type { ServerSessionOptions } from "node:http2";

/**
 * How large the headers of a call may be, in bytes with 32 for each: what gRPC's C core refuses beyond
 * (`GRPC_ARG_ABSOLUTE_MAX_METADATA_SIZE`). Node's own default lets 64 KiB pass.
 */
export const maxHeaderBytes: number = 16 * 1024;

/** How many headers a call may have; Node's own default. */
const maxHeaders = 128;

/**
 * How many calls a client may have on one connection at a time. Others wait at the client. Far more than a process
 * answers at a time (`maxConcurrentCalls`), as no client may come near it: Node counts a call until its stream is
 * destroyed, later than the client does, which may begin the next one by then. It resets that one with
 * ENHANCE_YOUR_CALM, and closes the connection after a hundred.
 */
const maxStreamsPerConnection = 10_000;

/**
 * How many calls a client may reset at once on a connection, and then in a second. Beyond that, Node.js closes the
 * connection, with the good calls on it, and its own 33 a second are soon reached by a client that gives up one call in
 * twenty. What resets are to be feared for (CVE-2023-44487) is the work that goes on behind them: a handler counts
 * until it is done, whatever becomes of its call.
 */
const maxResetBurst = 2_000;
const maxResetsPerSecond = 1_000;

/**
 * What Node.js enforces of each connection of a server. grpc-js passes on two of these options only, which is why
 * connections are not made by it. Where a peer breaks one, Node resets its stream, or closes its connection.
 */
export const http2Limits: ServerSessionOptions = {
  maxHeaderListPairs: maxHeaders,
  maxSettings: 32,
  maxOutstandingPings: 10,
  maxSessionInvalidFrames: 1_000,
  maxSessionRejectedStreams: 100,
  streamResetBurst: maxResetBurst,
  streamResetRate: maxResetsPerSecond,
  maxSendHeaderBlockLength: Number.MAX_SAFE_INTEGER,
  // As grpc-js has it: from the limit on, Node refuses calls of clients that are only slow to read.
  maxSessionMemory: Number.MAX_SAFE_INTEGER,
  settings: { maxHeaderListSize: maxHeaderBytes, maxConcurrentStreams: maxStreamsPerConnection },
};
