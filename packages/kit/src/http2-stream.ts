import type { Http2Session, ServerHttp2Stream } from "node:http2";

/**
 * The HTTP/2 stream of a server's call. grpc-js keeps it to itself, inside of a wrapper for each interceptor; where it
 * has another name one day, there is none.
 */
export function streamOf(call: object): ServerHttp2Stream | undefined {
  for (let inner: unknown = call; typeof inner === "object" && inner !== null; ) {
    const stream: unknown = Reflect.get(inner, "stream");
    if (isStream(stream)) return stream;
    inner = Reflect.get(inner, "nextCall") ?? Reflect.get(inner, "call");
  }
  return undefined;
}

/** The connection of a server's call. */
export function sessionOf(call: object): Http2Session | undefined {
  return streamOf(call)?.session;
}

function isStream(value: unknown): value is ServerHttp2Stream {
  return typeof value === "object" && value !== null && "session" in value;
}
