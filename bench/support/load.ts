import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import { type ClientHttp2Session, connect, constants } from "node:http2";

/** What calls are made, and how many at a time. */
export interface Load {
  readonly session: ClientHttp2Session;
  readonly path: string;
  /** The encoded request. */
  readonly body: Uint8Array;
  /** The encoded answer that each call must get. */
  readonly expected: Buffer;
  /** The header `grpc-timeout`; none where it is undefined. */
  readonly timeout: string | undefined;
  readonly calls: number;
  readonly concurrency: number;
}

/** Connects to a server on this machine. */
export async function openLoad(port: number): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`);
  await once(session, "connect");
  return session;
}

/** Ends a connection. */
export function closeLoad(session: ClientHttp2Session): void {
  session.destroy();
}

/** Makes unary calls on plain HTTP/2, which is less work than any gRPC client, and checks each answer. */
export async function callUnary(load: Load): Promise<void> {
  let left = load.calls;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await call(load);
    }
  };
  await Promise.all(Array.from({ length: load.concurrency }, worker));
}

function call({ session, path, body, expected, timeout }: Load): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: "POST",
    [constants.HTTP2_HEADER_PATH]: path,
    [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc+proto",
    [constants.HTTP2_HEADER_TE]: "trailers",
    ...(timeout !== undefined && { "grpc-timeout": timeout }),
  });
  const parts: Buffer[] = [];
  let status: string | undefined;
  stream.on("data", (part: Buffer) => parts.push(part));
  stream.on("trailers", (trailers: IncomingHttpHeaders) => {
    status = trailers["grpc-status"]?.toString();
  });
  stream.on("error", reject);
  stream.on("close", () => {
    const answer = Buffer.concat(parts);
    if (status === "0" && answer.subarray(5).equals(expected)) {
      resolve();
    } else {
      reject(new Error(`${path} answered with status ${status ?? "none"}, ${answer.length} bytes`));
    }
  });
  const frame = Buffer.alloc(5 + body.length);
  frame.writeUInt32BE(body.length, 1);
  frame.set(body, 5);
  stream.end(frame);
  return promise;
}
