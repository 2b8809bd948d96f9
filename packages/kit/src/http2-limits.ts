import type { ServerSessionOptions } from "node:http2";

/**
 * How large the headers of a call may be, in bytes with 32 for each: what gRPC's C core refuses beyond
 * (`GRPC_ARG_ABSOLUTE_MAX_METADATA_SIZE`). Node's own default lets 64 KiB pass.
 */
const maxHeaderBytes = 16 * 1024;

/** How many headers a call may have; Node's own default. */
const maxHeaders = 128;

/**
 * How many calls a client may have on one connection at a time. Others wait at the client. Not fewer, as there have to
 * be some left while streams are waited for that a client has given up (see `StreamResets`).
 */
const maxStreamsPerConnection = 1_000;

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
  // A burst of resets, and then so many a second (CVE-2023-44487): Node's own defaults.
  streamResetBurst: 1_000,
  streamResetRate: 33,
  maxSendHeaderBlockLength: Number.MAX_SAFE_INTEGER,
  // As grpc-js has it: from the limit on, Node refuses calls of clients that are only slow to read.
  maxSessionMemory: Number.MAX_SAFE_INTEGER,
  settings: { maxHeaderListSize: maxHeaderBytes, maxConcurrentStreams: maxStreamsPerConnection },
};
