import { constants, type IncomingHttpHeaders } from "node:http2";
import { Metadata } from "@grpc/grpc-js";
import { Code } from "./code.ts";
import { errorCodeOf, messageOf } from "./message-of.ts";
import type { WireHeader, WireStatus } from "./wire-call.ts";

/** The codes as they are on the wire. Any other is UNKNOWN. */
const codes: ReadonlyMap<string, Code> = new Map(
  Object.values(Code).flatMap((code) =>
    typeof code === "number" ? [[String(code), code] as const] : [],
  ),
);

/** What grpc-js notes in the metadata of a call that was tried before. */
const attemptsKey = "grpc-previous-rpc-attempts";

/** A header of an answer: nobody reads most of them, so they become metadata when somebody does. */
export class StreamHeader implements WireHeader {
  readonly retries: number;
  readonly #headers: IncomingHttpHeaders;

  constructor(headers: IncomingHttpHeaders, retries: number) {
    this.#headers = headers;
    this.retries = retries;
  }

  get metadata(): Metadata {
    const metadata = Metadata.fromHttp2Headers(this.#headers);
    metadata.remove("grpc-encoding");
    metadata.remove("grpc-accept-encoding");
    if (this.retries > 0) metadata.set(attemptsKey, String(this.retries));
    return metadata;
  }
}

/** How a stream, and with it an attempt at a call, has ended. */
export class StreamStatus implements WireStatus {
  readonly code: Code;
  readonly details: string;
  readonly isRefused: boolean;
  readonly isLost: boolean;
  retries = 0;
  readonly #trailers: IncomingHttpHeaders | undefined;
  #metadata: Metadata | undefined;

  constructor(
    code: Code,
    details: string,
    trailers?: IncomingHttpHeaders,
    { isRefused = false, isLost = false }: Partial<Pick<WireStatus, "isRefused" | "isLost">> = {},
  ) {
    this.code = code;
    this.details = details;
    this.#trailers = trailers;
    this.isRefused = isRefused;
    this.isLost = isLost;
  }

  /** How long to wait before the next try, in milliseconds; NaN, or less than 0, for none; undefined where it is not said. */
  get pushbackMs(): number | undefined {
    const value = this.#trailers?.["grpc-retry-pushback-ms"];
    return value === undefined ? undefined : Number.parseInt(String(value), 10);
  }

  get metadata(): Metadata {
    if (this.#metadata !== undefined) return this.#metadata;
    const metadata = Metadata.fromHttp2Headers(this.#trailers ?? {});
    metadata.remove("grpc-status");
    metadata.remove("grpc-message");
    if (this.retries > 0) metadata.set(attemptsKey, String(this.retries));
    this.#metadata = metadata;
    return metadata;
  }
}

/** The status in the trailers of an answer; where they have none, the one that follows from HTTP's. */
export function statusInTrailers(
  trailers: IncomingHttpHeaders,
  httpStatus: number | undefined,
): StreamStatus {
  const code = trailers["grpc-status"];
  if (code !== undefined) {
    const known = codes.get(String(code)) ?? Code.UNKNOWN;
    return new StreamStatus(known, textIn(trailers["grpc-message"]), trailers);
  }
  return httpStatus === undefined
    ? new StreamStatus(Code.UNKNOWN, "No status information received", trailers)
    : statusOfHttp(httpStatus, trailers);
}

function textIn(encoded: string | readonly string[] | undefined): string {
  if (encoded === undefined) return "";
  const text = String(encoded);
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const codesOfHttp: Readonly<Record<number, Code>> = {
  400: Code.INTERNAL,
  401: Code.UNAUTHENTICATED,
  403: Code.PERMISSION_DENIED,
  404: Code.UNIMPLEMENTED,
  429: Code.UNAVAILABLE,
  502: Code.UNAVAILABLE,
  503: Code.UNAVAILABLE,
  504: Code.UNAVAILABLE,
};

/** https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md */
export function statusOfHttp(httpStatus: number, trailers?: IncomingHttpHeaders): StreamStatus {
  const code = codesOfHttp[httpStatus] ?? Code.UNKNOWN;
  return new StreamStatus(code, `Received HTTP status code ${httpStatus}`, trailers);
}

/** The connection was lost under the call. */
export function connectionDropped(details = "Connection dropped"): StreamStatus {
  return new StreamStatus(Code.UNAVAILABLE, details, undefined, { isLost: true });
}

/** What is known of a stream that was closed without a status. */
export interface ClosedStream {
  readonly rstCode: number | undefined;
  readonly httpStatus: number | undefined;
  /** Whether the connection was lost: Node then closes its streams with CANCEL, or after GOAWAY with NO_ERROR. */
  readonly isDropped: boolean;
  /** What Node says of it; undefined where the peer closed it. */
  readonly error: unknown;
}

/**
 * The status of a stream that ended without one, in the words of grpc-js
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Errors").
 */
export function statusOfClosed({
  rstCode,
  httpStatus,
  isDropped,
  error,
}: ClosedStream): StreamStatus {
  switch (rstCode) {
    case constants.NGHTTP2_NO_ERROR:
      if (httpStatus !== undefined && httpStatus !== 200) return statusOfHttp(httpStatus);
      if (isDropped) return connectionDropped();
      return new StreamStatus(
        Code.INTERNAL,
        `Received RST_STREAM with code ${rstCode} (Call ended without gRPC status)`,
      );
    case constants.NGHTTP2_REFUSED_STREAM:
      return new StreamStatus(Code.UNAVAILABLE, "Stream refused by server", undefined, {
        isRefused: true,
      });
    case constants.NGHTTP2_CANCEL:
      return isDropped ? connectionDropped() : new StreamStatus(Code.CANCELLED, "Call cancelled");
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return new StreamStatus(
        Code.RESOURCE_EXHAUSTED,
        "Bandwidth exhausted or memory limit exceeded",
      );
    case constants.NGHTTP2_INADEQUATE_SECURITY:
      return new StreamStatus(Code.PERMISSION_DENIED, "Protocol not secure enough");
    case constants.NGHTTP2_INTERNAL_ERROR:
      return statusOfInternalError(error);
    default:
      return new StreamStatus(Code.INTERNAL, `Received RST_STREAM with code ${String(rstCode)}`);
  }
}

/** Whether a connection has had 2³⁰ calls, which is all that HTTP/2 has numbers for (RFC 9113, section 5.1.1). */
export function isOutOfStreams(error: unknown): boolean {
  return errorCodeOf(error) === "ERR_HTTP2_OUT_OF_STREAMS";
}

/** Of a connection that breaks, Node says so in the error of each stream. */
function statusOfInternalError(error: unknown): StreamStatus {
  const received = `Received RST_STREAM with code ${constants.NGHTTP2_INTERNAL_ERROR}`;
  if (error === undefined) {
    return new StreamStatus(Code.INTERNAL, `${received} (Internal server error)`);
  }
  if (isOutOfStreams(error)) {
    const details = "the connection has no numbers left for more calls";
    return new StreamStatus(Code.UNAVAILABLE, details, undefined, { isRefused: true });
  }
  const code = errorCodeOf(error);
  if (code === "ECONNRESET" || code === "ETIMEDOUT") {
    return connectionDropped(messageOf(error));
  }
  return new StreamStatus(
    Code.INTERNAL,
    `${received} triggered by internal client error: ${messageOf(error)}`,
  );
}
