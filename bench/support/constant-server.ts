/**
 * A server for clients: it answers each call with the same bytes, whatever it is, and looks into nothing but the frames.
 * So it has time to spare when a client has none left.
 */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { Product } from "@org/contracts/product/v1";
import { encodeHeaders } from "../../conformance/support/hpack.ts";
import {
  encodeFrame,
  encodeSettings,
  Flag,
  FrameReader,
  FrameType,
  preface,
  uint32,
} from "../../conformance/support/http2-frames.ts";
import { announce } from "./announce.ts";
import { framed } from "./framing.ts";
import { listeningPort } from "./listening-port.ts";
import { product } from "./work.ts";

/** How many bytes a client may have sent before it is told that it may send more. */
const window = 2 ** 30;
const defaultWindow = 65_535;

const parts = [
  encodeFrame(FrameType.HEADERS, {
    flags: Flag.END_HEADERS,
    payload: encodeHeaders([
      [":status", "200"],
      ["content-type", "application/grpc+proto"],
    ]),
  }),
  encodeFrame(FrameType.DATA, { payload: framed([Product.encode(product).finish()]) }),
  encodeFrame(FrameType.HEADERS, {
    flags: Flag.END_HEADERS | Flag.END_STREAM,
    payload: encodeHeaders([["grpc-status", "0"]]),
  }),
];
const answer = Buffer.concat(parts);
/** Where the streams' numbers are in it. */
const idOffset = 5;
const idOffsets = [
  idOffset,
  idOffset + (parts[0]?.length ?? 0),
  idOffset + (parts[0]?.length ?? 0) + (parts[1]?.length ?? 0),
];

function answerTo(streamId: number): Buffer {
  const bytes = Buffer.from(answer);
  for (const at of idOffsets) bytes.writeUInt32BE(streamId, at);
  return bytes;
}

function serveConnection(socket: Socket): void {
  socket.setNoDelay();
  // The client may go as it likes.
  socket.on("error", () => undefined);
  const reader = new FrameReader();
  let greeting = preface.length;
  let taken = 0;
  socket.write(
    Buffer.concat([
      encodeSettings(),
      encodeFrame(FrameType.WINDOW_UPDATE, { payload: uint32(window - defaultWindow) }),
    ]),
  );
  socket.on("data", (bytes: Buffer) => {
    const rest = bytes.subarray(greeting);
    greeting = Math.max(0, greeting - bytes.length);
    const out: Buffer[] = [];
    for (const { type, flags, streamId, payload } of reader.read(rest)) {
      const isAck = (flags & Flag.ACK) !== 0;
      if (type === FrameType.SETTINGS && !isAck) {
        out.push(encodeFrame(FrameType.SETTINGS, { flags: Flag.ACK }));
      } else if (type === FrameType.PING && !isAck) {
        out.push(encodeFrame(FrameType.PING, { flags: Flag.ACK, payload }));
      } else if (type === FrameType.DATA || type === FrameType.HEADERS) {
        if (type === FrameType.DATA) taken += payload.length;
        if ((flags & Flag.END_STREAM) !== 0) out.push(answerTo(streamId));
      }
    }
    if (taken > window / 2) {
      out.push(encodeFrame(FrameType.WINDOW_UPDATE, { payload: uint32(taken) }));
      taken = 0;
    }
    if (out.length > 0) socket.write(Buffer.concat(out));
  });
}

const server = createServer(serveConnection).listen(0, "127.0.0.1");
await once(server, "listening");
announce(listeningPort(server));
