import { GetUserRequest } from "@org/contracts/user/v1";
import { Code } from "@org/kit/client";
import { encodeHeaders, type Header } from "../support/hpack.ts";
import {
  encodeFrame,
  encodeSettings,
  Flag,
  FrameType,
  preface,
  Setting,
  uint32,
} from "../support/http2-frames.ts";
import { frame } from "../support/raw-grpc.ts";
import { callHeaders, encodeCall, encodeHeadersFrame, greeting } from "../support/raw-http2.ts";

/** The error codes of HTTP/2 (RFC 9113, section 7). */
export const ErrorCode = {
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  COMPRESSION_ERROR: 9,
  ENHANCE_YOUR_CALM: 11,
} as const;

/**
 * What must come of what is malformed:
 *
 * - `status`: stream 1 ends with that gRPC status; OK where the rule is to take no notice.
 * - `reset`: stream 1 is reset with that error code.
 * - `goaway`: the server says that error code, and closes the connection.
 *
 * In all but the last, the connection is good for more calls.
 */
export interface MalformedOutcome {
  readonly kind: "status" | "reset" | "goaway";
  readonly code: number;
}

/** Bytes that break a rule, and what must come of them. */
export interface MalformedCase {
  readonly title: string;
  /** Where that is written. */
  readonly source: string;
  /** All that is sent, from the preface on. */
  readonly bytes: Buffer;
  readonly outcome: MalformedOutcome;
}

/** The method that is called. */
export const getUserPath = "/org.user.v1.UserService/GetUser";

const message = GetUserRequest.encode({ userId: "u1" }).finish();
const body = frame(message);
const call = encodeCall(1, getUserPath, body);

const status = (code: Code): MalformedOutcome => ({ kind: "status", code });
const ignored = status(Code.OK);
const resetProtocolError: MalformedOutcome = { kind: "reset", code: ErrorCode.PROTOCOL_ERROR };
const goaway = (name: keyof typeof ErrorCode): MalformedOutcome => ({
  kind: "goaway",
  code: ErrorCode[name],
});

/** HEADERS of a call on a stream, which stays open. */
const open = (streamId = 1, more: readonly Header[] = []): Buffer =>
  encodeHeadersFrame(streamId, callHeaders(getUserPath, more));

const data = (
  streamId: number,
  payload: Uint8Array = body,
  flags: number = Flag.END_STREAM,
): Buffer => encodeFrame(FrameType.DATA, { streamId, flags, payload });

/** A call whose headers are these. */
const withHeaders = (headers: readonly Header[]): Buffer =>
  Buffer.concat([encodeHeadersFrame(1, headers), data(1)]);

const withoutHeader = (name: string): Buffer =>
  withHeaders(callHeaders(getUserPath).filter(([each]) => each !== name));

const withHeader = (name: string, value: string): Buffer =>
  Buffer.concat([open(1, [[name, value]]), data(1)]);

/** HEADERS with that block. */
const withBlock = (...block: readonly number[]): Buffer =>
  encodeFrame(FrameType.HEADERS, {
    streamId: 1,
    flags: Flag.END_HEADERS,
    payload: Buffer.from(block),
  });

type Row = readonly [
  title: string,
  source: string,
  outcome: MalformedOutcome,
  ...bytes: readonly Uint8Array[],
];

/** What comes in place of a preface. */
const strangers: readonly Row[] = [
  // "PROTOCOL_ERROR. A GOAWAY frame MAY be omitted": Node has another code for it.
  [
    "a wrong preface",
    "3.4",
    goaway("INTERNAL_ERROR"),
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n"),
  ],
  [
    "HTTP/1.1",
    "3.4",
    goaway("INTERNAL_ERROR"),
    Buffer.from("GET / HTTP/1.1\r\nhost: target\r\n\r\n"),
  ],
  [
    "a TLS ClientHello on a plaintext port",
    "3.4",
    goaway("INTERNAL_ERROR"),
    Buffer.from("16030100c8010000c40303", "hex"),
    Buffer.alloc(189, 7),
  ],
  ["no SETTINGS after the preface", "3.4", goaway("PROTOCOL_ERROR"), preface, call],
];

const framing: readonly Row[] = [
  [
    "DATA of 16,385 bytes",
    "4.2",
    goaway("FRAME_SIZE_ERROR"),
    open(),
    data(1, Buffer.alloc(16_385), 0),
  ],
  [
    "HEADERS of 16,385 bytes",
    "4.2",
    goaway("FRAME_SIZE_ERROR"),
    withBlock(...Buffer.alloc(16_385)),
  ],
  [
    "a frame of an unknown type, with all flags",
    "4.1",
    ignored,
    encodeFrame(0xee, { flags: 0xff, streamId: 7, payload: Buffer.alloc(100) }),
    call,
  ],
  [
    "flags that HEADERS does not have",
    "4.1",
    ignored,
    encodeFrame(FrameType.HEADERS, {
      streamId: 1,
      flags: Flag.END_HEADERS | 0xc2,
      payload: encodeHeaders(callHeaders(getUserPath)),
    }),
    data(1),
  ],
  [
    "the reserved bit of a stream's number",
    "4.1",
    ignored,
    encodeFrame(FrameType.PING, { streamId: 0x8000_0000, payload: Buffer.alloc(8) }),
    call,
  ],
];

const streams: readonly Row[] = [
  ["a stream with an even number", "5.1.1", goaway("PROTOCOL_ERROR"), open(2)],
  // "MUST … PROTOCOL_ERROR". nghttp2 cannot know whether it has closed that stream before, and ignores it.
  ["a new stream with a lower number", "5.1.1", ignored, call, open(5), open(3), data(5)],
  ["DATA on stream 0", "6.1", goaway("PROTOCOL_ERROR"), data(0)],
  ["DATA on an idle stream", "5.1", goaway("PROTOCOL_ERROR"), data(1)],
  ["DATA after END_STREAM", "5.1", goaway("STREAM_CLOSED"), call, data(1)],
  [
    "DATA whose padding is longer than it",
    "6.1",
    goaway("PROTOCOL_ERROR"),
    open(),
    data(1, Buffer.from([9, 0, 0]), Flag.PADDED),
  ],
  ["HEADERS on stream 0", "6.2", goaway("PROTOCOL_ERROR"), open(0)],
  ["HEADERS after END_STREAM", "5.1", goaway("STREAM_CLOSED"), call, open()],
  [
    "HEADERS whose padding is longer than they",
    "6.2",
    goaway("PROTOCOL_ERROR"),
    encodeFrame(FrameType.HEADERS, {
      streamId: 1,
      flags: Flag.PADDED | Flag.END_HEADERS,
      payload: Buffer.from([200, 0x82]),
    }),
  ],
  [
    "PRIORITY of 4 bytes",
    "6.3",
    goaway("FRAME_SIZE_ERROR"),
    encodeFrame(FrameType.PRIORITY, { streamId: 1, payload: Buffer.alloc(4) }),
  ],
  [
    "RST_STREAM on stream 0",
    "6.4",
    goaway("PROTOCOL_ERROR"),
    encodeFrame(FrameType.RST_STREAM, { payload: uint32(8) }),
  ],
  [
    "RST_STREAM on an idle stream",
    "6.4",
    goaway("PROTOCOL_ERROR"),
    encodeFrame(FrameType.RST_STREAM, { streamId: 1, payload: uint32(8) }),
  ],
  [
    "RST_STREAM of 3 bytes",
    "6.4",
    goaway("FRAME_SIZE_ERROR"),
    open(),
    encodeFrame(FrameType.RST_STREAM, { streamId: 1, payload: Buffer.alloc(3) }),
  ],
  [
    "PUSH_PROMISE from a client",
    "8.4",
    goaway("PROTOCOL_ERROR"),
    open(),
    encodeFrame(FrameType.PUSH_PROMISE, {
      streamId: 1,
      flags: Flag.END_HEADERS,
      payload: Buffer.concat([uint32(2), Buffer.from([0x82])]),
    }),
  ],
];

const settings = (id: number, value: number): Buffer => encodeSettings([id, value]);

const control: readonly Row[] = [
  [
    "SETTINGS on a stream",
    "6.5",
    goaway("PROTOCOL_ERROR"),
    encodeFrame(FrameType.SETTINGS, { streamId: 1 }),
  ],
  [
    "SETTINGS of 5 bytes",
    "6.5",
    goaway("FRAME_SIZE_ERROR"),
    encodeFrame(FrameType.SETTINGS, { payload: Buffer.alloc(5) }),
  ],
  [
    "an answer to SETTINGS with a payload",
    "6.5",
    goaway("FRAME_SIZE_ERROR"),
    encodeFrame(FrameType.SETTINGS, { flags: Flag.ACK, payload: Buffer.alloc(6) }),
  ],
  ["ENABLE_PUSH 2", "6.5.2", goaway("PROTOCOL_ERROR"), settings(Setting.ENABLE_PUSH, 2)],
  [
    "INITIAL_WINDOW_SIZE 2^31",
    "6.5.2",
    goaway("FLOW_CONTROL_ERROR"),
    settings(Setting.INITIAL_WINDOW_SIZE, 2 ** 31),
  ],
  [
    "MAX_FRAME_SIZE 16,383",
    "6.5.2",
    goaway("PROTOCOL_ERROR"),
    settings(Setting.MAX_FRAME_SIZE, 16_383),
  ],
  [
    "MAX_FRAME_SIZE 2^24",
    "6.5.2",
    goaway("PROTOCOL_ERROR"),
    settings(Setting.MAX_FRAME_SIZE, 2 ** 24),
  ],
  ["an unknown setting", "6.5.2", ignored, settings(0x99, 1), call],
  [
    "33 settings at once",
    "10.5",
    goaway("ENHANCE_YOUR_CALM"),
    encodeSettings(...Array.from({ length: 33 }, (_, index) => [0x100 + index, 1] as const)),
  ],
  [
    "PING of 7 bytes",
    "6.7",
    goaway("FRAME_SIZE_ERROR"),
    encodeFrame(FrameType.PING, { payload: Buffer.alloc(7) }),
  ],
  [
    "PING on a stream",
    "6.7",
    goaway("PROTOCOL_ERROR"),
    encodeFrame(FrameType.PING, { streamId: 1, payload: Buffer.alloc(8) }),
  ],
  // "MUST NOT respond", which leaves open what else: Node takes it for an attack.
  [
    "an answer to no PING",
    "6.7",
    goaway("INTERNAL_ERROR"),
    encodeFrame(FrameType.PING, { flags: Flag.ACK, payload: Buffer.alloc(8) }),
  ],
  [
    "GOAWAY on a stream",
    "6.8",
    goaway("PROTOCOL_ERROR"),
    encodeFrame(FrameType.GOAWAY, { streamId: 1, payload: Buffer.alloc(8) }),
  ],
  [
    "GOAWAY of 7 bytes",
    "4.2",
    goaway("FRAME_SIZE_ERROR"),
    encodeFrame(FrameType.GOAWAY, { payload: Buffer.alloc(7) }),
  ],
  [
    "WINDOW_UPDATE of 0 bytes",
    "6.9",
    goaway("PROTOCOL_ERROR"),
    encodeFrame(FrameType.WINDOW_UPDATE, { payload: uint32(0) }),
  ],
  // A stream error, which an endpoint may treat as an error of the connection (5.4.1).
  [
    "WINDOW_UPDATE of 0 bytes, on a stream",
    "6.9",
    goaway("PROTOCOL_ERROR"),
    open(),
    encodeFrame(FrameType.WINDOW_UPDATE, { streamId: 1, payload: uint32(0) }),
  ],
  [
    "WINDOW_UPDATE that is cut short",
    "6.9",
    goaway("FRAME_SIZE_ERROR"),
    encodeFrame(FrameType.WINDOW_UPDATE, { payload: Buffer.alloc(3) }),
  ],
  [
    "WINDOW_UPDATE on an idle stream",
    "5.1",
    goaway("PROTOCOL_ERROR"),
    encodeFrame(FrameType.WINDOW_UPDATE, { streamId: 1, payload: uint32(1) }),
  ],
  [
    "a window of more than 2^31 - 1",
    "6.9.1",
    goaway("FLOW_CONTROL_ERROR"),
    encodeFrame(FrameType.WINDOW_UPDATE, { payload: uint32(0x7fff_ffff) }),
  ],
  [
    "a stream's window of more than 2^31 - 1",
    "6.9.1",
    goaway("FLOW_CONTROL_ERROR"),
    open(),
    encodeFrame(FrameType.WINDOW_UPDATE, { streamId: 1, payload: uint32(0x7fff_ffff) }),
  ],
];

const openEnded = encodeHeadersFrame(1, callHeaders(getUserPath), 0);
const continuation = (streamId: number, payload: Uint8Array): Buffer =>
  encodeFrame(FrameType.CONTINUATION, { streamId, flags: Flag.END_HEADERS, payload });

const headerBlocks: readonly Row[] = [
  [
    "CONTINUATION without HEADERS",
    "6.10",
    goaway("PROTOCOL_ERROR"),
    continuation(1, Buffer.from([0x82])),
  ],
  [
    "CONTINUATION of another stream",
    "6.10",
    goaway("PROTOCOL_ERROR"),
    openEnded,
    continuation(3, new Uint8Array()),
  ],
  ["HEADERS interrupted by DATA", "6.2", goaway("PROTOCOL_ERROR"), openEnded, data(1)],
  [
    "HEADERS interrupted by PING",
    "6.2",
    goaway("PROTOCOL_ERROR"),
    openEnded,
    encodeFrame(FrameType.PING, { payload: Buffer.alloc(8) }),
  ],
  [
    "a header that no table has",
    "RFC 7541, 2.3.3",
    goaway("COMPRESSION_ERROR"),
    withBlock(0xff, 0xff, 0xff, 0x7f),
  ],
  ["header 0", "RFC 7541, 6.1", goaway("COMPRESSION_ERROR"), withBlock(0x80)],
  ["a header that is cut short", "4.3", goaway("COMPRESSION_ERROR"), withBlock(0, 5, 0x41)],
  [
    "a table of more than 4,096 bytes",
    "RFC 7541, 6.3",
    goaway("COMPRESSION_ERROR"),
    withBlock(0x3f, 0xff, 0xff, 0x03),
  ],
  [
    "EOS in a Huffman code",
    "RFC 7541, 5.2",
    goaway("COMPRESSION_ERROR"),
    withBlock(0, 0x84, 0xff, 0xff, 0xff, 0xff, 0),
  ],
];

const headers: readonly Row[] = [
  ["a header with an upper-case name", "8.2.1", resetProtocolError, withHeader("X-Upper", "1")],
  // "MUST be treated as malformed": nghttp2 leaves such a header out instead.
  ["a line feed in a header's value", "8.2.1", ignored, withHeader("x-lines", "a\nb")],
  ["a zero in a header's value", "8.2.1", ignored, withHeader("x-zero", "a\0b")],
  ["a connection header", "8.2.2", resetProtocolError, withHeader("connection", "keep-alive")],
  ["transfer-encoding", "8.2.2", resetProtocolError, withHeader("transfer-encoding", "chunked")],
  [
    "te that is not trailers",
    "8.2.2",
    resetProtocolError,
    withHeaders([...callHeaders(getUserPath).slice(0, -1), ["te", "gzip"]]),
  ],
  ["no :method", "8.3.1", resetProtocolError, withoutHeader(":method")],
  ["no :path", "8.3.1", resetProtocolError, withoutHeader(":path")],
  ["no :scheme", "8.3.1", resetProtocolError, withoutHeader(":scheme")],
  ["an empty :path", "8.3.1", resetProtocolError, withHeaders(callHeaders(""))],
  [
    "a pseudo header after others",
    "8.3",
    resetProtocolError,
    withHeaders([...callHeaders(getUserPath).slice(1), [":method", "POST"]]),
  ],
  [
    "a pseudo header twice",
    "8.3.1",
    resetProtocolError,
    withHeaders([[":method", "POST"], ...callHeaders(getUserPath)]),
  ],
  [
    "an unknown pseudo header",
    "8.3",
    resetProtocolError,
    withHeaders([[":unknown", "1"], ...callHeaders(getUserPath)]),
  ],
  [
    "the pseudo header of an answer",
    "8.3",
    resetProtocolError,
    withHeaders([[":status", "200"], ...callHeaders(getUserPath)]),
  ],
  [
    "a pseudo header in trailers",
    "8.1",
    resetProtocolError,
    open(),
    data(1, body, 0),
    encodeHeadersFrame(1, [[":path", "/"]], Flag.END_HEADERS | Flag.END_STREAM),
  ],
  [
    "trailers that do not end the stream",
    "8.1",
    resetProtocolError,
    open(),
    data(1, body, 0),
    encodeHeadersFrame(1, [["x-trailer", "1"]]),
  ],
  [
    "content-length that is no number",
    "8.1.1",
    resetProtocolError,
    withHeader("content-length", "abc"),
  ],
  [
    "content-length of more than comes",
    "8.1.1",
    resetProtocolError,
    withHeader("content-length", "300"),
  ],
  // A stream error, which an endpoint may treat as an error of the connection (5.4.1).
  [
    "content-length of less than comes",
    "8.1.1",
    goaway("INTERNAL_ERROR"),
    withHeader("content-length", "3"),
  ],
];

/** gRPC over HTTP/2: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, and its status codes. */
const messages: readonly Row[] = [
  [
    "a message with the flag 2",
    "compression.md",
    status(Code.INTERNAL),
    open(),
    data(1, frame(message, { flag: 2 })),
  ],
  [
    "a message of 4 GiB",
    "statuscodes.md",
    status(Code.RESOURCE_EXHAUSTED),
    open(),
    data(1, frame(message, { length: 2 ** 32 - 1 }), 0),
  ],
  [
    "a message that is cut short",
    "statuscodes.md",
    status(Code.UNIMPLEMENTED),
    open(),
    data(1, body.subarray(0, -1)),
  ],
  [
    "a prefix that is cut short",
    "statuscodes.md",
    status(Code.UNIMPLEMENTED),
    open(),
    data(1, body.subarray(0, 3)),
  ],
  [
    "no message",
    "statuscodes.md",
    status(Code.UNIMPLEMENTED),
    encodeHeadersFrame(1, callHeaders(getUserPath), Flag.END_HEADERS | Flag.END_STREAM),
  ],
  [
    "bytes that are no protobuf",
    "statuscodes.md",
    status(Code.INTERNAL),
    open(),
    data(1, frame(Buffer.alloc(64, 0xff))),
  ],
];

const toCase = ([title, source, outcome, ...bytes]: Row): MalformedCase => ({
  title,
  source: /^\d/.test(source) ? `RFC 9113, ${source}` : source,
  bytes: Buffer.concat(bytes),
  outcome,
});

/** What is malformed, from the first byte of a connection to a whole message. */
export const malformedCases: readonly MalformedCase[] = [
  ...strangers.map(toCase),
  ...[framing, streams, control, headerBlocks, headers, messages]
    .flat()
    .map(toCase)
    .map((each) => ({ ...each, bytes: Buffer.concat([greeting, each.bytes]) })),
];
