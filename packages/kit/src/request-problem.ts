import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";

/** Of content that is not gRPC, and of requests that none are; PROTOCOL-HTTP2.md: "Method → :method POST". */
const unsupportedMediaType: OutgoingHttpHeaders = { ":status": 415 };
const methodNotAllowed: OutgoingHttpHeaders = { ":status": 405, allow: "POST" };

/** gRPC with Protocol Buffers: with others, such as JSON or gRPC-Web, the bytes would be something else. */
const grpcContent = /^application\/grpc(?:\+proto)?(?:\s*;.*)?$/i;

/** The answer to a request that is none of gRPC's; undefined where it is one. */
export function problemWith(headers: IncomingHttpHeaders): OutgoingHttpHeaders | undefined {
  if (headers[":method"] !== "POST") return methodNotAllowed;
  const type = headers["content-type"];
  if (type === "application/grpc" || type === "application/grpc+proto") return undefined;
  return type !== undefined && grpcContent.test(type) ? undefined : unsupportedMediaType;
}
