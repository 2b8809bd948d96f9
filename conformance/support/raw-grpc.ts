import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type OutgoingHttpHeaders,
} from "node:http2";

/** What a server answered, as it was on the wire. */
export interface RawAnswer {
  readonly httpStatus: number;
  /** The gRPC status; undefined where none came. */
  readonly status: number | undefined;
  /** The status' text, decoded. */
  readonly text: string;
  /** The messages, without what frames them. */
  readonly messages: readonly Buffer[];
  /** The headers, which are the trailers as well where no message was sent. */
  readonly headers: IncomingHttpHeaders;
}

/** One call, byte by byte. */
export interface RawCall {
  readonly path: string;
  /** The bytes of the body, framed or not; none by default. */
  readonly body?: Uint8Array;
  /** Headers in place of the usual ones; undefined leaves one out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Does not end the stream after the body: the answer has to come anyway. */
  readonly keepOpen?: boolean;
}

/** A plaintext HTTP/2 connection that sends what it is told to, right or wrong. */
export interface RawConnection extends AsyncDisposable {
  readonly session: ClientHttp2Session;
  /** Makes a call; resolves once its answer is complete. */
  call(call: RawCall): Promise<RawAnswer>;
  /** Opens a call, to write its body at leisure. */
  open(call: Omit<RawCall, "keepOpen">): RawStream;
  /** Resolves once the server has read all that was sent before. */
  ping(): Promise<void>;
}

/** A call whose body is still being written. */
export interface RawStream {
  readonly stream: ClientHttp2Stream;
  readonly answer: Promise<RawAnswer>;
}

/** Connects to a server. */
export async function connectRaw(target: string): Promise<RawConnection> {
  const session = connect(`http://${target}`);
  await once(session, "connect");
  // Each call fails by itself where the connection does.
  session.on("error", () => undefined);
  const open = ({ path, body, headers = {} }: Omit<RawCall, "keepOpen">): RawStream => {
    const all: Record<string, string | undefined> = {
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    };
    const sent: OutgoingHttpHeaders = Object.fromEntries(
      Object.entries(all).filter(([, value]) => value !== undefined),
    );
    const stream = session.request(sent, { endStream: false });
    const answer = answerOf(stream);
    // Whoever waits for it gets the error; a test that fails before that must not fail for this as well.
    answer.catch(() => undefined);
    if (body !== undefined && body.length > 0) stream.write(body);
    return { stream, answer };
  };
  return {
    session,
    open,
    call({ keepOpen = false, ...call }) {
      const { stream, answer } = open(call);
      if (!keepOpen) stream.end();
      return answer;
    },
    ping() {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      session.ping((error) => {
        if (error === null) resolve();
        else reject(error);
      });
      return promise;
    },
    async [Symbol.asyncDispose]() {
      if (session.destroyed) return;
      const closed = once(session, "close");
      session.destroy();
      await closed;
    },
  };
}

/** Frames a message as gRPC does: a flag, the length, the bytes. */
export function frame(
  message: Uint8Array,
  { flag = 0, length = message.length }: { flag?: number; length?: number } = {},
): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flag);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

function answerOf(stream: ClientHttp2Stream): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  let headers: IncomingHttpHeaders & IncomingHttpStatusHeader = {};
  let trailers: IncomingHttpHeaders = {};
  let error: Error | undefined;
  const chunks: Buffer[] = [];
  stream.on("response", (received) => {
    headers = received;
    trailers = received;
  });
  stream.on("trailers", (received: IncomingHttpHeaders) => {
    trailers = received;
  });
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("error", (received: Error) => {
    error = received;
  });
  // Where the request is still open, this ends it, as a gRPC client does whose call is over.
  stream.on("end", () => {
    stream.close(constants.NGHTTP2_NO_ERROR);
  });
  stream.on("close", () => {
    const httpStatus = headers[":status"];
    if (httpStatus === undefined) {
      reject(error ?? new Error("the stream was closed without an answer"));
      return;
    }
    const status = trailers["grpc-status"];
    const text = trailers["grpc-message"];
    resolve({
      httpStatus,
      status: typeof status === "string" ? Number(status) : undefined,
      text: typeof text === "string" ? decodeText(text) : "",
      messages: unframe(Buffer.concat(chunks)),
      headers,
    });
  });
  return promise;
}

/** What is percent-encoded; as it came where it is not encoded well. */
function decodeText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function unframe(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const end = 5 + rest.readUInt32BE(1);
    messages.push(rest.subarray(5, end));
    rest = rest.subarray(end);
  }
  return messages;
}
