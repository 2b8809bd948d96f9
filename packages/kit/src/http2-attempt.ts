import { constants as bufferConstants } from "node:buffer";
import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from "node:http2";
import { gunzip, inflate } from "node:zlib";
import { unknownCompression } from "./call-status.ts";
import { Code } from "./code.ts";
import { FrameReader, FrameTooLarge } from "./frame-reader.ts";
import { type ActiveCall, type Connection, replace } from "./grpc-js-internals.ts";
import { errorCodeOf, messageOf } from "./message-of.ts";
import { openStream } from "./open-stream.ts";
import {
  connectionDropped,
  isOutOfStreams,
  statusInTrailers,
  statusOfClosed,
  statusOfHttp,
  StreamStatus,
} from "./stream-status.ts";

/** What an attempt at a call tells of. */
export interface AttemptListener {
  onHeader(headers: IncomingHttpHeaders): void;
  onMessage(bytes: Buffer): void;
  onWritable(): void;
  /** The attempt is over. Nothing follows. */
  onEnd(status: StreamStatus): void;
}

/** How the messages are decompressed that a server says are; `identity` and those that nobody knows are not. */
const decompressors: ReadonlyMap<string, typeof gunzip> = new Map([
  ["gzip", gunzip],
  ["deflate", inflate],
]);

const nobody: AttemptListener = {
  onHeader: () => undefined,
  onMessage: () => undefined,
  onWritable: () => undefined,
  onEnd: () => undefined,
};
const noFrames = new FrameReader(0);

/** One attempt at a call: an HTTP/2 stream. */
export class Http2Attempt implements ActiveCall {
  readonly #connection: Connection;
  #listener: AttemptListener;
  readonly #maxBytes: number;
  readonly #stream: ClientHttp2Stream;
  #frames: FrameReader;
  #httpStatus: number | undefined;
  #encoding: string | undefined;
  #isAsked = false;
  #isDelivering = false;
  #isDecompressing = false;
  #isPaused = false;
  /** What it ends with, once all messages before it have been delivered. */
  #status: StreamStatus | undefined;
  #isOver = false;
  #isDropped = false;
  #error: unknown;
  #awaitsDrain = false;

  /** Opens the stream. Throws where the headers cannot be sent. */
  constructor(
    connection: Connection,
    headers: readonly string[],
    maxBytes: number,
    listener: AttemptListener,
  ) {
    const stream = openStream(connection.session, headers);
    this.#connection = connection;
    this.#listener = listener;
    this.#maxBytes = maxBytes;
    this.#stream = stream;
    this.#frames = new FrameReader(maxBytes);
    stream.on("response", (received, flags) => {
      this.#onResponse(received, flags);
    });
    stream.on("data", (data: Buffer) => {
      if (this.#isOver) return;
      this.#frames.push(data);
      this.#deliver();
    });
    stream.on("trailers", (trailers: IncomingHttpHeaders) => {
      this.#onTrailers(trailers);
    });
    stream.on("end", () => {
      this.#onStreamEnd();
    });
    stream.on("error", (error) => {
      // Of one that the peer has reset, the code says more.
      if (errorCodeOf(error) !== "ERR_HTTP2_STREAM_ERROR") this.#error = error;
    });
    stream.on("close", () => {
      this.#onClose();
    });
    connection.addActiveCall(this);
  }

  /** Asks for one message more. */
  startRead(): void {
    this.#isAsked = true;
    this.#deliver();
  }

  /** Sends a message. False where the connection has enough for now, or takes no more: then the end is near. */
  send(framed: Buffer): boolean {
    if (this.#isOver || this.#stream.writableEnded || this.#stream.destroyed) return false;
    if (this.#stream.write(framed)) return true;
    if (!this.#awaitsDrain) {
      this.#awaitsDrain = true;
      this.#stream.on("drain", () => {
        this.#listener.onWritable();
      });
    }
    return false;
  }

  /** Ends the requests, with a last one where there is one. */
  end(framed?: Buffer): void {
    if (this.#isOver || this.#stream.writableEnded || this.#stream.destroyed) return;
    this.#stream.end(framed);
  }

  /** Resets the stream, and ends with a status of the client's own. */
  cancel(code: Code, details: string): void {
    this.#end(new StreamStatus(code, details));
  }

  /** The connection is lost. */
  onDisconnect(): void {
    this.#isDropped = true;
    // What has come by now still counts, and of an answer that is complete nothing is missing.
    setImmediate(() => {
      if (this.#status === undefined) this.#end(connectionDropped());
    });
  }

  #onResponse(headers: IncomingHttpHeaders & IncomingHttpStatusHeader, flags: number): void {
    this.#httpStatus = headers[":status"];
    if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) {
      this.#onTrailers(headers);
      return;
    }
    const encoding = headers["grpc-encoding"];
    if (encoding !== undefined) this.#encoding = String(encoding);
    if (!this.#isOver) this.#listener.onHeader(headers);
  }

  #onTrailers(trailers: IncomingHttpHeaders): void {
    if (this.#isOver) return;
    this.#status = statusInTrailers(trailers, this.#httpStatus);
    // An answer may come before the last request.
    if (!this.#stream.writableEnded) this.#stream.end();
    // All of it is here: for a reader that takes its time, it must not depend on the connection any more.
    while (this.#stream.readableLength > 0 && this.#stream.read() !== null);
    this.#endIfRead();
  }

  #onClose(): void {
    if (this.#isOver || this.#status !== undefined) return;
    // What goes with it, such as an error, may come a moment later.
    process.nextTick(() => {
      this.#endWithout();
    });
  }

  /**
   * The server has ended its half of the stream. Without a status, nothing follows: where the other half is still open,
   * or a write is under way, Node.js does not close the stream by itself.
   */
  #onStreamEnd(): void {
    if (this.#isOver || this.#status !== undefined) return;
    setImmediate(() => {
      if (this.#status === undefined) this.#endWithout();
    });
  }

  /** No status has come, and none will. */
  #endWithout(): void {
    if (isOutOfStreams(this.#error)) replace(this.#connection);
    this.#end(
      statusOfClosed({
        rstCode: this.#stream.rstCode,
        httpStatus: this.#httpStatus,
        isDropped: this.#isDropped || this.#connection.session.destroyed,
        error: this.#error,
      }),
    );
  }

  /** Hands over what has come, for as long as it is asked for. */
  #deliver(): void {
    if (this.#isDelivering || this.#isDecompressing) return;
    this.#isDelivering = true;
    try {
      while (this.#isAsked && !this.#isOver) {
        if (!this.#frames.next()) break;
        this.#isAsked = false;
        const { message, isCompressed } = this.#frames;
        if (isCompressed) {
          this.#decompress(message);
          break;
        }
        this.#listener.onMessage(message);
      }
    } catch (error) {
      this.#refuse(error);
    } finally {
      this.#isDelivering = false;
    }
    if (this.#isOver) return;
    if (this.#isAsked === this.#isPaused) this.#setPaused(!this.#isAsked);
    if (this.#status !== undefined) this.#endIfRead();
  }

  #setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (isPaused) this.#stream.pause();
    else this.#stream.resume();
  }

  #decompress(message: Buffer): void {
    const encoding = this.#encoding ?? "identity";
    const decompress = decompressors.get(encoding);
    if (decompress === undefined) {
      this.#end(new StreamStatus(Code.INTERNAL, unknownCompression));
      return;
    }
    this.#isDecompressing = true;
    const mostBytes = Math.min(Math.max(this.#maxBytes, 1), bufferConstants.MAX_LENGTH);
    const options = this.#maxBytes === -1 ? {} : { maxOutputLength: mostBytes };
    decompress(message, options, (error, bytes) => {
      this.#isDecompressing = false;
      if (this.#isOver) return;
      if (error === null) {
        this.#listener.onMessage(bytes);
        this.#deliver();
        return;
      }
      const isTooLarge = errorCodeOf(error) === "ERR_BUFFER_TOO_LARGE";
      this.#end(
        isTooLarge
          ? new StreamStatus(
              Code.RESOURCE_EXHAUSTED,
              `Received message that decompresses to a size larger than ${this.#maxBytes}`,
            )
          : new StreamStatus(Code.INTERNAL, `Failed to decompress ${encoding}-encoded message`),
      );
    });
  }

  /** Bytes that are no messages: such as the page with which a proxy says that something is wrong. */
  #refuse(error: unknown): void {
    if (!(error instanceof FrameTooLarge)) {
      // Thrown into an event of the stream, it would end the process.
      this.#end(new StreamStatus(Code.INTERNAL, `the answer cannot be read: ${messageOf(error)}`));
      return;
    }
    const httpStatus = this.#httpStatus ?? 200;
    this.#end(
      httpStatus === 200
        ? new StreamStatus(Code.RESOURCE_EXHAUSTED, error.message)
        : statusOfHttp(httpStatus),
    );
  }

  /** Ends with the server's status once all that came before it has been read. */
  #endIfRead(): void {
    if (this.#status === undefined || this.#isDecompressing) return;
    // What is left may be part of a message, which tells only when it is asked for.
    if (this.#frames.hasMore) return;
    const isCut = this.#status.code === Code.OK && this.#frames.hasPart;
    this.#end(
      isCut
        ? new StreamStatus(Code.INTERNAL, "the answer ended in the middle of a message")
        : this.#status,
    );
  }

  #end(status: StreamStatus): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const stream = this.#stream;
    // Whatever still comes is of no use, and the stream closes only once it has come.
    if (this.#isPaused) stream.resume();
    if (!stream.destroyed) this.#leave();
    this.#connection.removeActiveCall(this);
    const listener = this.#listener;
    // V8 keeps what a stream refers to until it collects all of its memory, which is long after the call.
    this.#listener = nobody;
    this.#frames = noFrames;
    this.#status = undefined;
    listener.onEnd(status);
  }

  /** The stream is of no use any more. */
  #leave(): void {
    const stream = this.#stream;
    // One that its server has reset may not close by itself while a write is under way.
    if (stream.closed) stream.destroy();
    // Requests that wait for a server to take them would keep it open, and its place with the server taken.
    else if (this.#status === undefined || stream.writableLength > 0) {
      stream.close(constants.NGHTTP2_CANCEL);
    }
  }
}
