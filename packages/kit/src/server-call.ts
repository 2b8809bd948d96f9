import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { Metadata } from "@grpc/grpc-js";
import type { AnswerWriter } from "./answer-writer.ts";
import type { CallContext, CalledMethod } from "./call-context.ts";
import { callTracer } from "./call-tracer.ts";
import { Code } from "./code.ts";
import { DeadlineWheel, type Timed } from "./deadline-wheel.ts";
import type { MessageQueue } from "./message-queue.ts";
import { headersOf, metadataIn } from "./metadata.ts";
import type { OpenCall } from "./open-call.ts";
import { parseTimeout } from "./parse-timeout.ts";
import { problemWith } from "./request-problem.ts";
import { RpcError } from "./rpc-error.ts";

const statusOk = { ":status": 200, "content-type": "application/grpc+proto" } as const;

const okHeaders: OutgoingHttpHeaders = {
  ...statusOk,
  "grpc-accept-encoding": "identity,deflate,gzip",
};

// `date` would be 30 bytes of each answer that no client of gRPC reads.
const withTrailers = { waitForTrailers: true, sendDate: false } as const;
const withoutBody = { endStream: true, sendDate: false } as const;

/** Up to how many bytes answers are not counted that are on their way. */
const fewBytes = 16 * 1024;

const okTrailers: OutgoingHttpHeaders = { "grpc-status": Code.OK };

/** A status as it is sent. */
interface Status {
  readonly code: Code;
  readonly details: string;
  readonly metadata: Metadata | null;
}

const wheel = new DeadlineWheel();

/**
 * A call of one of our methods on the wire: gRPC over an HTTP/2 stream, without the layers that grpc-js has between
 * that and a handler. It has one end: its status is sent, or its stream is closed, whatever else may come.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export class ServerCall implements Timed {
  readonly method: CalledMethod;
  readonly open: OpenCall;
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  /** When it ends, by its caller or its contract, in milliseconds since 1970; Infinity: never. */
  readonly endsAt: number;
  /** What its handler knows of it; undefined before that begins. */
  context: CallContext | undefined;
  /** Its requests, where there are many. */
  requests: MessageQueue<unknown> | undefined;
  /** What sends its answers, where there are many. */
  answers: AnswerWriter | undefined;
  /** Called once it is closed. */
  onClosed: (() => void) | undefined;
  dueAt = 0;
  timedSlot = -1;
  previousTimed: Timed | undefined;
  nextTimed: Timed | undefined;
  #metadata: Metadata | undefined;
  #hasHeader = false;
  #isAnswered = false;

  private constructor(
    method: CalledMethod,
    open: OpenCall,
    headers: IncomingHttpHeaders,
    timeoutMs: number,
  ) {
    this.method = method;
    this.open = open;
    this.stream = open.stream;
    this.headers = headers;
    this.endsAt = timeoutMs === Infinity ? Infinity : Date.now() + timeoutMs;
    if (timeoutMs !== Infinity) {
      this.dueAt = performance.now() + timeoutMs;
      wheel.add(this);
    }
    open.served = this;
  }

  /** The call that a stream begins with; undefined where that is none, and has been answered so. */
  static begin(
    method: CalledMethod,
    open: OpenCall,
    headers: IncomingHttpHeaders,
  ): ServerCall | undefined {
    const { stream } = open;
    open.trace = callTracer()?.served(method.path, headers, stream);
    // It ends the stream as well, and the end is heard of.
    stream.on("error", ignore);
    const problem = problemWith(headers);
    if (problem !== undefined) {
      stream.respond(problem, withoutBody);
      open.ended(Code.UNKNOWN);
      leave(stream);
      return undefined;
    }
    const timeout = headers["grpc-timeout"];
    const asked = parseTimeout(timeout);
    const { policy } = method;
    if (Number.isNaN(asked)) {
      const call = new ServerCall(method, open, headers, Infinity);
      const text = `Invalid grpc-timeout value "${String(timeout)}"`;
      call.abort(new RpcError(Code.INTERNAL, text));
      leave(stream);
      return undefined;
    }
    const allowed =
      asked === Infinity
        ? policy?.defaultTimeoutMs
        : Math.min(asked, policy?.maxTimeoutMs ?? asked);
    return new ServerCall(method, open, headers, allowed ?? Infinity);
  }

  /** What its caller sent along. */
  get metadata(): Metadata {
    this.#metadata ??= metadataIn(this.headers);
    return this.#metadata;
  }

  /** The address and port of the connection's other end. */
  get peer(): string {
    const { remoteAddress, remotePort } = this.stream.session?.socket ?? {};
    if (remoteAddress === undefined) return "unknown";
    return remotePort === undefined ? remoteAddress : `${remoteAddress}:${remotePort}`;
  }

  /** Whether its status has been sent, or nobody waits for that. */
  get isOver(): boolean {
    return this.#isAnswered || this.stream.destroyed || this.stream.closed;
  }

  /** Sends metadata before the first message. */
  sendHeader(header: Metadata | undefined): void {
    if (this.#hasHeader || this.isOver) return;
    this.#hasHeader = true;
    const headers = header === undefined ? okHeaders : { ...okHeaders, ...headersOf(header) };
    this.stream.respond(headers, withTrailers);
  }

  /** Sends bytes of answers. Returns false where there is nobody to send them to. */
  write(bytes: Buffer, flushed: () => void): boolean {
    if (this.isOver) return false;
    this.sendHeader(undefined);
    this.stream.write(bytes, flushed);
    return true;
  }

  /** Sends the only, or the last bytes of answers, and OK. */
  end(bytes: Buffer | undefined, trailer: Metadata | undefined): void {
    if (this.isOver) return;
    if (bytes === undefined && !this.#hasHeader) {
      this.sendStatus({ code: Code.OK, details: "", metadata: trailer ?? null });
      return;
    }
    this.sendHeader(undefined);
    const { stream } = this;
    if (trailer === undefined) stream.on("wantTrailers", sendOk);
    else this.#trail({ ...okTrailers, ...headersOf(trailer) });
    const length = bytes?.length ?? 0;
    if (length > fewBytes && !this.open.holdAnswer(length)) {
      this.#answered(Code.RESOURCE_EXHAUSTED);
      stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      return;
    }
    this.#answered(Code.OK);
    if (bytes === undefined) stream.end();
    else stream.end(bytes);
  }

  /**
   * Sends the status that a handler has failed with, behind its header. Where clients try again after such a status, the
   * header is left out: they would take it for the beginning of an answer, and would not.
   */
  fail(status: Status, header: Metadata | undefined): void {
    const isRetried = this.method.retryableCodes.has(status.code);
    if (header !== undefined && !isRetried) this.sendHeader(header);
    this.sendStatus(status);
  }

  /** Sends a status, behind the answers that there were. */
  sendStatus({ code, details, metadata }: Status): void {
    if (this.isOver) return;
    const bytes = this.answers?.take();
    const trailers: OutgoingHttpHeaders = {
      "grpc-status": code,
      ...(details !== "" && { "grpc-message": encodeURI(details) }),
      ...(metadata !== null && headersOf(metadata)),
    };
    const { stream } = this;
    if (bytes !== undefined) this.sendHeader(undefined);
    this.#answered(code);
    if (this.#hasHeader) {
      this.#trail(trailers);
      if (bytes === undefined) stream.end();
      else stream.end(bytes);
    } else {
      stream.respond({ ...okHeaders, ...trailers }, withoutBody);
    }
  }

  /** Ends it before its handler does: nobody waits for what that would answer. */
  abort(error: RpcError): void {
    const { context } = this;
    if (context !== undefined && !context.abort(error)) return;
    this.requests?.fail(error);
    this.sendStatus(error.toStatus(context?.trailerIfAny));
    this.answers?.release();
  }

  /** Its deadline has passed. */
  expire(): void {
    this.abort(new RpcError(Code.DEADLINE_EXCEEDED, "the deadline passed"));
  }

  /** Its stream is closed. */
  closed(): void {
    wheel.remove(this);
    const { context } = this;
    context?.over();
    if (this.requests?.isOpen === true) {
      this.requests.fail(context?.aborted ?? new RpcError(Code.CANCELLED, "the call is over"));
    }
    this.answers?.release();
    this.onClosed?.();
  }

  #answered(code: number): void {
    this.#isAnswered = true;
    this.open.ended(code);
    wheel.remove(this);
    // What is left of the request is thrown away.
    if (!this.stream.readableEnded) this.stream.resume();
  }

  #trail(trailers: OutgoingHttpHeaders): void {
    const { stream } = this;
    stream.on("wantTrailers", () => {
      stream.sendTrailers(trailers);
    });
  }
}

/** Has a client that goes on with its request know that nobody reads it (RFC 9113, section 8.1). */
function leave(stream: ServerHttp2Stream): void {
  stream.close(constants.NGHTTP2_NO_ERROR);
}

function sendOk(this: ServerHttp2Stream): void {
  this.sendTrailers(okTrailers);
}

function ignore(): void {
  // See `begin`.
}
