import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { Metadata } from "@grpc/grpc-js";
import type { Code } from "./code.ts";
import { headersOf } from "./metadata.ts";
import { retryInfo, RpcError } from "./rpc-error.ts";

/** After how many milliseconds to try again, at the least; up to twice that, so that not all do at the same time. */
const retryAfterMs = 200;

/** How many waits there are to choose from. */
const variants = 16;

/** That a call is not let in, ready to be sent: what refuses thousands of calls a second must be cheap. */
export class Refusal {
  readonly code: Code;
  readonly #headers: readonly OutgoingHttpHeaders[];

  private constructor(code: Code, headers: readonly OutgoingHttpHeaders[]) {
    this.code = code;
    this.#headers = headers;
  }

  /** One that is not to be tried again, as it would be refused again. */
  static final(code: Code, text: string): Refusal {
    return new Refusal(code, [statusHeaders(new RpcError(code, text))]);
  }

  /** One that tells when to try again: for gRPC's retries by `grpc-retry-pushback-ms`, for people by RetryInfo. */
  static forNow(code: Code, text: string): Refusal {
    const waits = Array.from({ length: variants }, (_, index) =>
      Math.round(retryAfterMs * (1 + index / variants)),
    );
    return new Refusal(
      code,
      waits.map((ms) => statusHeaders(tryAgain(code, text, ms))),
    );
  }

  /** Answers a stream with it, and wants to hear no more of that. */
  send(stream: ServerHttp2Stream): void {
    // A stream that its client has reset in the meantime says so, and nobody else listens.
    stream.on("error", ignore);
    const headers = this.#headers[Math.floor(Math.random() * this.#headers.length)];
    stream.respond(headers, { endStream: true });
    // Where the request has not ended, its client is told that nobody reads it (RFC 9113, section 8.1).
    stream.close(constants.NGHTTP2_NO_ERROR);
  }
}

/** An error that tells after how many milliseconds to try again, to whoever wants to know. */
export function tryAgain(code: Code, text: string, afterMs: number): RpcError {
  const metadata = new Metadata();
  metadata.set("grpc-retry-pushback-ms", String(Math.ceil(afterMs)));
  return new RpcError(code, text, { details: [retryInfo(afterMs)], metadata });
}

function statusHeaders(error: RpcError): OutgoingHttpHeaders {
  const { code, details, metadata } = error.toStatus();
  return {
    ":status": 200,
    "content-type": "application/grpc+proto",
    "grpc-status": code,
    "grpc-message": encodeURI(details),
    ...headersOf(metadata),
  };
}

function ignore(): void {
  // See `send`.
}
