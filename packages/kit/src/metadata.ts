import type { Metadata } from "@grpc/grpc-js";

/**
 * The names that HTTP/2 and gRPC use themselves. Those of HTTP/1 connections end the process of a
 * grpc-js server and the connection of a client; the others would contradict what is sent anyway.
 */
const reserved: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "content-type",
  "grpc-accept-encoding",
  "grpc-encoding",
  "grpc-message",
  "grpc-status",
  "grpc-timeout",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/** Metadata as they can be sent: without the names that HTTP/2 and gRPC use themselves. */
export function sendable(metadata: Metadata): Metadata {
  // grpc-js allows a colon anywhere, HTTP/2 at no place that is left to us.
  const refused = Object.keys(metadata.getMap()).filter(
    (name) => reserved.has(name) || name.includes(":"),
  );
  if (refused.length === 0) return metadata;
  const rest = metadata.clone();
  for (const name of refused) rest.remove(name);
  return rest;
}
