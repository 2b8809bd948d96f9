import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { StatusDecoder } from "../../conformance/support/hpack.ts";
import {
  encodeFrame,
  encodeSettings,
  Flag,
  type Frame,
  FrameReader,
  FrameType,
  preface,
  Setting,
  uint32,
} from "../../conformance/support/http2-frames.ts";
import { callHeaders } from "../../conformance/support/raw-http2.ts";
import type { Done, LoadCall, LoadConnection } from "./load-connection.ts";
import { type RepeatedHeaders, repeatedHeaders } from "./repeated-headers.ts";

/** How much a frame holds where nothing else was agreed on (RFC 9113, section 6.5.2). */
const maxFrameBytes = 16_384;

/** How much may be sent where nothing else was agreed on, and at the most. */
const defaultWindow = 65_535;
const maxWindow = 2 ** 31 - 1;

/** A call that is not over. */
interface Stream {
  readonly id: number;
  readonly done: Done;
  sent: number;
  window: number;
  received: number;
  isRight: boolean;
  status: string | undefined;
}

/**
 * An HTTP/2 connection of a load generator. It does as little as it can, so that the server is what is measured: all
 * that is sent is made once, headers take a byte each, and answers are compared and not decoded. The server may send
 * as much as it likes; what the server allows is kept to.
 */
export class GrpcConnection implements LoadConnection {
  readonly #socket: Socket;
  readonly #call: LoadCall;
  readonly #headers: RepeatedHeaders;
  readonly #reader = new FrameReader();
  readonly #decoder = new StatusDecoder();
  readonly #streams = new Map<number, Stream>();
  readonly #blocked = new Set<Stream>();
  readonly #ready = Promise.withResolvers<void>();
  #out: Buffer[] = [];
  #isFlushing = false;
  #nextId = 1;
  #streamWindow = defaultWindow;
  #window = defaultWindow;
  #unacknowledged = 0;
  #ending: string | undefined;

  private constructor(socket: Socket, call: LoadCall) {
    this.#socket = socket;
    this.#call = call;
    this.#headers = repeatedHeaders(callHeaders(call.path, call.headers));
  }

  /** Connects. */
  static async open(port: number, call: LoadCall): Promise<GrpcConnection> {
    const socket = connect(port, "127.0.0.1").setNoDelay();
    await once(socket, "connect");
    const connection = new GrpcConnection(socket, call);
    await connection.#greet();
    return connection;
  }

  get bytesWritten(): number {
    return this.#socket.bytesWritten;
  }

  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  call(done: Done): void {
    if (this.#ending !== undefined) {
      done(this.#ending);
      return;
    }
    const id = this.#nextId;
    this.#nextId += 2;
    const stream: Stream = {
      ...{ id, done, sent: 0, window: this.#streamWindow },
      ...{ received: 0, isRight: true, status: undefined },
    };
    this.#streams.set(id, stream);
    const payload = id === 1 ? this.#headers.first : this.#headers.next;
    this.#send(encodeFrame(FrameType.HEADERS, { streamId: id, flags: Flag.END_HEADERS, payload }));
    this.#sendBody(stream);
  }

  close(): void {
    this.#ending = "the connection is closed";
    this.#socket.destroy();
  }

  async #greet(): Promise<void> {
    this.#socket.on("data", (bytes: Buffer) => {
      for (const frame of this.#reader.read(bytes)) this.#take(frame);
    });
    this.#socket.on("close", () => {
      this.#end("the connection was closed");
    });
    this.#socket.on("error", (error) => {
      this.#end(error.message);
    });
    this.#send(
      Buffer.concat([
        preface,
        encodeSettings([Setting.ENABLE_PUSH, 0], [Setting.INITIAL_WINDOW_SIZE, maxWindow]),
        encodeFrame(FrameType.WINDOW_UPDATE, { payload: uint32(maxWindow - defaultWindow) }),
      ]),
    );
    await this.#ready.promise;
  }

  /** Sends as much of the request as the server allows. */
  #sendBody(stream: Stream): void {
    const { body } = this.#call;
    for (;;) {
      const rest = body.length - stream.sent;
      const length = Math.min(rest, maxFrameBytes, stream.window, this.#window);
      if (length <= 0 && rest > 0) {
        this.#blocked.add(stream);
        return;
      }
      const payload = body.subarray(stream.sent, stream.sent + length);
      stream.sent += length;
      stream.window -= length;
      this.#window -= length;
      const isLast = stream.sent === body.length;
      const flags = isLast ? Flag.END_STREAM : 0;
      this.#send(encodeFrame(FrameType.DATA, { streamId: stream.id, flags, payload }));
      if (isLast) {
        this.#blocked.delete(stream);
        return;
      }
    }
  }

  /** Sends together what comes in one turn. */
  #send(bytes: Buffer): void {
    this.#out.push(bytes);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    process.nextTick(() => {
      this.#isFlushing = false;
      const out = this.#out;
      this.#out = [];
      if (!this.#socket.destroyed) this.#socket.write(Buffer.concat(out));
    });
  }

  #take({ type, flags, streamId, payload }: Frame): void {
    const stream = this.#streams.get(streamId);
    switch (type) {
      case FrameType.DATA:
        this.#acknowledge(payload.length);
        if (stream !== undefined) this.#compare(stream, payload);
        break;
      case FrameType.HEADERS: {
        if ((flags & Flag.END_HEADERS) === 0 || (flags & (Flag.PADDED | Flag.PRIORITY)) !== 0) {
          this.#end("the server's headers are in a form that is not read here");
          return;
        }
        const { grpc } = this.#decoder.decode(payload);
        if (stream !== undefined) stream.status = grpc ?? stream.status;
        break;
      }
      case FrameType.RST_STREAM:
        if (stream !== undefined) this.#finish(stream, `reset with ${payload.readUInt32BE(0)}`);
        return;
      case FrameType.SETTINGS:
        if ((flags & Flag.ACK) === 0) this.#agree(payload);
        return;
      case FrameType.PING:
        if ((flags & Flag.ACK) === 0) {
          this.#send(encodeFrame(FrameType.PING, { flags: Flag.ACK, payload }));
        }
        return;
      case FrameType.WINDOW_UPDATE:
        this.#widen(stream, streamId, payload.readUInt32BE(0));
        return;
      case FrameType.GOAWAY:
        this.#end(`GOAWAY with ${payload.readUInt32BE(4)}`);
        return;
      default:
        return;
    }
    if ((flags & Flag.END_STREAM) !== 0 && stream !== undefined) {
      const { status = "none", isRight, received } = stream;
      if (status !== "0") this.#finish(stream, `status ${status}`);
      else if (isRight && received === this.#call.expected.length) this.#finish(stream);
      else this.#finish(stream, `another answer than expected, of ${received} bytes`);
    }
  }

  #compare(stream: Stream, payload: Buffer): void {
    const { expected } = this.#call;
    const from = stream.received;
    stream.received += payload.length;
    stream.isRight &&=
      stream.received <= expected.length &&
      expected.compare(payload, 0, payload.length, from, stream.received) === 0;
  }

  /** Lets the server send as much again, now and then. */
  #acknowledge(bytes: number): void {
    this.#unacknowledged += bytes;
    if (this.#unacknowledged < maxWindow / 2) return;
    const payload = uint32(this.#unacknowledged);
    this.#unacknowledged = 0;
    this.#send(encodeFrame(FrameType.WINDOW_UPDATE, { payload }));
  }

  #agree(settings: Buffer): void {
    for (let at = 0; at + 6 <= settings.length; at += 6) {
      if (settings.readUInt16BE(at) !== Setting.INITIAL_WINDOW_SIZE) continue;
      const window = settings.readUInt32BE(at + 2);
      for (const stream of this.#streams.values()) stream.window += window - this.#streamWindow;
      this.#streamWindow = window;
    }
    this.#send(encodeFrame(FrameType.SETTINGS, { flags: Flag.ACK }));
    this.#ready.resolve();
  }

  #widen(stream: Stream | undefined, streamId: number, bytes: number): void {
    if (streamId === 0) this.#window += bytes;
    else if (stream !== undefined) stream.window += bytes;
    for (const each of this.#blocked) this.#sendBody(each);
  }

  #finish(stream: Stream, problem?: string): void {
    this.#streams.delete(stream.id);
    this.#blocked.delete(stream);
    stream.done(problem);
  }

  #end(problem: string): void {
    this.#ready.reject(new Error(problem));
    if (this.#ending !== undefined) return;
    this.#ending = problem;
    for (const stream of this.#streams.values()) this.#finish(stream, problem);
  }
}
