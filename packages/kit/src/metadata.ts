import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { Metadata } from "@grpc/grpc-js";
import { FixedMetadata } from "./fixed-metadata.ts";

/**
 * The names that HTTP/2 and gRPC use themselves. Those of HTTP/1 connections end the process of a
 * grpc-js server and the connection of a client; the others would contradict what is sent anyway.
 */
const reserved: ReadonlySet<string> = new Set([
  ...["connection", "content-length", "content-type", "date", "grpc-accept-encoding"],
  ...["grpc-encoding", "grpc-message", "grpc-status", "grpc-timeout", "host", "http2-settings"],
  ...["keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"],
]);

/** The other fields of HTTP of which Node sends one value only; a second one has the same effects. */
const singular: ReadonlySet<string> = new Set([
  ...[
    "access-control-allow-credentials",
    "access-control-max-age",
    "access-control-request-method",
  ],
  ...["age", "authorization", "content-encoding", "content-language", "content-location"],
  ...["content-md5", "content-range", "dnt", "etag", "expires", "from", "if-match"],
  ...["if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-modified"],
  ...["location", "max-forwards", "proxy-authorization", "range", "referer", "retry-after", "tk"],
  ...["upgrade-insecure-requests", "user-agent", "x-content-type-options"],
]);

/**
 * Metadata as they can be sent: without the names that HTTP/2 and gRPC use themselves, and with the
 * last value of those that have one.
 */
export function sendable(metadata: Metadata): Metadata {
  if (metadata instanceof FixedMetadata) return metadata;
  let rest = metadata;
  const change = (): Metadata => (rest === metadata ? (rest = metadata.clone()) : rest);
  for (const name of Object.keys(metadata.getMap())) {
    // grpc-js allows a colon anywhere, HTTP/2 at no place that is left to us.
    if (reserved.has(name) || name.includes(":")) {
      change().remove(name);
    } else if (singular.has(name)) {
      const values = metadata.get(name);
      const last = values.at(-1);
      if (values.length > 1 && last !== undefined) change().set(name, last);
    }
  }
  return rest;
}

/** What of a call's headers is for gRPC and HTTP, and not for its handler. */
const own: ReadonlySet<string> = new Set([
  ...["accept-encoding", "content-type", "grpc-accept-encoding", "grpc-encoding", "grpc-timeout"],
  "te",
]);

/** The metadata in the headers of a call. */
export function metadataIn(headers: IncomingHttpHeaders): Metadata {
  const rest: IncomingHttpHeaders = {};
  for (const name of Object.keys(headers)) {
    if (!own.has(name)) rest[name] = headers[name];
  }
  return Metadata.fromHttp2Headers(rest);
}

/** Metadata as headers; binary ones without padding (PROTOCOL-HTTP2.md: "SHOULD emit un-padded values"). */
export function headersOf(metadata: Metadata): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = metadata.toHttp2Headers();
  for (const name of Object.keys(headers)) {
    if (!name.endsWith("-bin")) continue;
    const values = headers[name];
    if (Array.isArray(values)) headers[name] = values.map(withoutPadding);
    else if (typeof values === "string") headers[name] = withoutPadding(values);
  }
  return headers;
}

function withoutPadding(value: string): string {
  return value.replace(/={1,2}$/, "");
}
