/** The process of flood.ts: floods one connection, and sends what came of it to its parent. */
import type { FloodKind, FloodOptions, FloodResult } from "./flood.ts";
import { encodeFrame, encodeSettings, FrameType, uint32 } from "./http2-frames.ts";
import {
  callHeaders,
  encodeHeadersFrame,
  greeting,
  openRawHttp2,
  type RawHttp2,
} from "./raw-http2.ts";

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- It is what flood.ts sends.
const { port, kind, reads, durationMs } = JSON.parse(process.argv[2] ?? "{}") as FloodOptions;

/** How many bytes are written at a time. */
const chunkBytes = 64 * 1024;

const openCall = callHeaders("/org.user.v1.UserService/BulkCreateUsers");

/** What is sent once, before the flood. */
const openings: Partial<Record<FloodKind, Buffer>> = {
  "empty DATA": encodeHeadersFrame(1, openCall),
  CONTINUATION: encodeHeadersFrame(1, openCall, 0),
};

/** What is sent again and again; `streamId` is one that was not used before. */
const frames: Record<FloodKind, (streamId: number) => Buffer> = {
  PING: () => encodeFrame(FrameType.PING, { payload: Buffer.alloc(8) }),
  SETTINGS: () => encodeSettings(),
  "empty DATA": () => encodeFrame(FrameType.DATA, { streamId: 1 }),
  PRIORITY: (streamId) =>
    encodeFrame(FrameType.PRIORITY, { streamId, payload: Buffer.alloc(5, 1) }),
  CONTINUATION: () => encodeFrame(FrameType.CONTINUATION, { streamId: 1 }),
  WINDOW_UPDATE: () => encodeFrame(FrameType.WINDOW_UPDATE, { payload: uint32(1) }),
  "RST_STREAM on new streams": (streamId) =>
    Buffer.concat([
      encodeHeadersFrame(streamId, openCall),
      encodeFrame(FrameType.RST_STREAM, { streamId, payload: uint32(8) }),
    ]),
  "unknown frames": () => encodeFrame(0xee, { flags: 0xff, payload: Buffer.alloc(8) }),
};

const usesStreams = kind === "RST_STREAM on new streams" || kind === "PRIORITY";
const makeFrame = frames[kind];
const perChunk = Math.ceil(chunkBytes / makeFrame(1).length);
const makeChunk = (from: number): Buffer =>
  Buffer.concat(Array.from({ length: perChunk }, (_, index) => makeFrame(from + 2 * index)));
const firstChunk = makeChunk(1);

const start = performance.now();
const isTimeOver = (): boolean => performance.now() - start >= durationMs;

/** Floods one connection. Resolves with how many frames it has taken. */
async function floodOne(connection: RawHttp2): Promise<number> {
  const timer = setTimeout(
    () => connection.socket.destroy(),
    Math.max(1, durationMs - (performance.now() - start)),
  );
  await connection.send(greeting, openings[kind] ?? Buffer.alloc(0));
  let sent = 0;
  while (!connection.isClosed && !isTimeOver()) {
    await connection.send(usesStreams && sent > 0 ? makeChunk(1 + 2 * sent) : firstChunk);
    if (!connection.isClosed) sent += perChunk;
  }
  clearTimeout(timer);
  return sent;
}

let count = 0;
let closed = 0;
let connections = 0;
while (!isTimeOver()) {
  await using connection = await openRawHttp2(port, { reads });
  connections += 1;
  count += await floodOne(connection);
  if (!isTimeOver()) closed += 1;
}
const result: FloodResult = { frames: count, connections, closed };
process.send?.(result);
process.disconnect();
