import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { encodeHeaders, type Header, StatusDecoder } from "./hpack.ts";
import {
  encodeFrame,
  encodeSettings,
  Flag,
  type Frame,
  FrameReader,
  FrameType,
  preface,
} from "./http2-frames.ts";

/** How one stream went, as far as anything has come. */
export interface StreamOutcome {
  readonly httpStatus: string | undefined;
  /** The gRPC status; undefined where none came. */
  readonly grpcStatus: number | undefined;
  /** The error code of RST_STREAM; undefined where none came. */
  readonly reset: number | undefined;
  /** Whether the server sends no more on it. */
  readonly isOver: boolean;
}

/** A TCP connection on which bytes are written as they are, and frames are read. */
export interface RawHttp2 extends AsyncDisposable {
  readonly socket: Socket;
  /** Each type of frame that came, as often as it did. */
  readonly received: readonly number[];
  /** The error code of the last GOAWAY; undefined where none came. */
  readonly goaway: number | undefined;
  /** Whether the connection is over, whoever has closed it. */
  readonly isClosed: boolean;
  /** How that stream went so far. */
  outcomeOf(streamId: number): StreamOutcome;
  /** Writes bytes. Resolves once the socket has taken them, or is closed. */
  send(...bytes: readonly Uint8Array[]): Promise<void>;
  /** Resolves once something holds, or the connection is closed: with whether it holds. It is asked whenever bytes came. */
  until(holds: () => boolean): Promise<boolean>;
  /** Sends a PING. Resolves once the server has read all that was sent before (true) or has closed (false). */
  fence(): Promise<boolean>;
  /** Ends the direction to the server. Resolves once the server has ended the other one as well. */
  end(): Promise<void>;
}

/** How a raw connection behaves. */
export interface RawHttp2Options {
  /** Whether what the server sends is read; true by default. Where not, its windows and buffers fill. */
  readonly reads?: boolean;
  /**
   * Whether the server's SETTINGS are acknowledged; true by default. Until they are, they do not bind the client
   * (RFC 9113, section 6.5.3).
   */
  readonly acknowledges?: boolean;
}

/** What a gRPC client sends first: the preface, and that it takes all defaults. */
export const greeting: Buffer = Buffer.concat([preface, encodeSettings()]);

/** The headers of a call, in the order in which a client sends them. */
export function callHeaders(path: string, more: readonly Header[] = []): Header[] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "target"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...more,
  ];
}

/** HEADERS in one frame. */
export function encodeHeadersFrame(
  streamId: number,
  headers: readonly Header[],
  flags: number = Flag.END_HEADERS,
): Buffer {
  return encodeFrame(FrameType.HEADERS, { streamId, flags, payload: encodeHeaders(headers) });
}

/** A whole call: HEADERS, and a body that ends the stream. */
export function encodeCall(streamId: number, path: string, body: Uint8Array): Buffer {
  return Buffer.concat([
    encodeHeadersFrame(streamId, callHeaders(path)),
    encodeFrame(FrameType.DATA, { streamId, flags: Flag.END_STREAM, payload: body }),
  ]);
}

const emptyOutcome: StreamOutcome = {
  httpStatus: undefined,
  grpcStatus: undefined,
  reset: undefined,
  isOver: false,
};

/** Opens a connection; sends nothing by itself but what answers the server's PING and SETTINGS. */
export async function openRawHttp2(
  port: number,
  { reads = true, acknowledges = true }: RawHttp2Options = {},
): Promise<RawHttp2> {
  const socket = connect(port, "127.0.0.1").setNoDelay();
  await once(socket, "connect");
  // It is closed then.
  socket.on("error", () => undefined);
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();

  const received: number[] = [];
  const streams = new Map<number, StreamOutcome>();
  const waiting = new Set<() => void>();
  const reader = new FrameReader();
  const decoder = new StatusDecoder();
  let block: Buffer[] = [];
  let goaway: number | undefined;
  let isClosed = false;
  let pings = 0;
  let pongs = 0;

  const note = (streamId: number, outcome: Partial<StreamOutcome>): void => {
    streams.set(streamId, { ...(streams.get(streamId) ?? emptyOutcome), ...outcome });
  };
  const isAck = ({ flags }: Frame): boolean => (flags & Flag.ACK) !== 0;
  const take = (frame: Frame): void => {
    const { type, flags, streamId, payload } = frame;
    received.push(type);
    if (type === FrameType.HEADERS || type === FrameType.CONTINUATION) {
      block.push(payload);
      if ((flags & Flag.END_HEADERS) !== 0) {
        const { http, grpc } = decoder.decode(Buffer.concat(block));
        block = [];
        if (http !== undefined) note(streamId, { httpStatus: http });
        if (grpc !== undefined) note(streamId, { grpcStatus: Number(grpc) });
      }
    }
    if (type === FrameType.HEADERS || type === FrameType.DATA) {
      if ((flags & Flag.END_STREAM) !== 0) note(streamId, { isOver: true });
    }
    if (type === FrameType.RST_STREAM) {
      note(streamId, { reset: payload.readUInt32BE(0), isOver: true });
    }
    if (type === FrameType.GOAWAY) goaway = payload.readUInt32BE(4);
    if (type === FrameType.PING) {
      if (isAck(frame)) pongs += 1;
      else socket.write(encodeFrame(FrameType.PING, { flags: Flag.ACK, payload }));
    }
    if (type === FrameType.SETTINGS && !isAck(frame) && acknowledges) {
      socket.write(encodeFrame(FrameType.SETTINGS, { flags: Flag.ACK }));
    }
  };
  const wake = (): void => {
    for (const each of waiting) each();
  };
  if (reads) {
    socket.on("data", (bytes: Buffer) => {
      for (const each of reader.read(bytes)) take(each);
      wake();
    });
  }
  socket.once("close", () => {
    isClosed = true;
    close();
    wake();
  });

  const until = (holds: () => boolean): Promise<boolean> => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const look = (): void => {
      const does = holds();
      if (!does && !isClosed) return;
      waiting.delete(look);
      resolve(does);
    };
    waiting.add(look);
    look();
    return promise;
  };
  const send = (...bytes: readonly Uint8Array[]): Promise<void> => {
    if (!socket.writable) return closed;
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.write(Buffer.concat(bytes), (error) => {
      resolve(error ? closed : undefined);
    });
    return promise;
  };
  return {
    socket,
    received,
    get goaway() {
      return goaway;
    },
    get isClosed() {
      return isClosed;
    },
    outcomeOf: (streamId) => streams.get(streamId) ?? emptyOutcome,
    send,
    until,
    async fence() {
      pings += 1;
      const number = pings;
      await send(encodeFrame(FrameType.PING, { payload: Buffer.alloc(8, number) }));
      return until(() => pongs >= number);
    },
    async end() {
      socket.end();
      await closed;
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
      await closed;
    },
  };
}
