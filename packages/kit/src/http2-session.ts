import type { Http2Session } from "node:http2";

/**
 * The connection of a server's call. grpc-js keeps the HTTP/2 stream to itself, inside of a wrapper for each
 * interceptor; where it has another name one day, there is no session.
 */
export function sessionOf(call: object): Http2Session | undefined {
  for (let inner: unknown = call; typeof inner === "object" && inner !== null; ) {
    const stream: unknown = Reflect.get(inner, "stream");
    if (typeof stream === "object" && stream !== null && "session" in stream) {
      return isSession(stream.session) ? stream.session : undefined;
    }
    inner = Reflect.get(inner, "nextCall") ?? Reflect.get(inner, "call");
  }
  return undefined;
}

function isSession(value: unknown): value is Http2Session {
  return typeof value === "object" && value !== null && "ping" in value;
}
