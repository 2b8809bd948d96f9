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
import type { Random } from "../support/random-message.ts";
import { callHeaders } from "../support/raw-http2.ts";
import { fuzzedCall } from "./fuzzed-call.ts";
import { below, mutateBytes, oneOf, randomBytes } from "./mutations.ts";

/** A frame before it is put into bytes; `length`: what its header says where that is not true. */
interface Part {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
  readonly length?: number;
}

const streamIds = [0, 1, 2, 3, 5, 7, 2 ** 31 - 1, 2 ** 32 - 1];
const lengths = [0, 1, 4, 5, 8, 9, 100, 16_384, 16_385, 2 ** 24 - 1];

/** What calls have beside what they must have. */
const someHeaders: readonly Header[] = [
  ["grpc-timeout", "5S"],
  ["grpc-accept-encoding", "identity,gzip"],
  ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
  ["x-data-bin", "AAECAw"],
];

/**
 * All that a client sends on a connection: valid frames that carry calls which are not, or frames that were changed, or
 * bytes that were.
 */
export function fuzzedConnection(random: Random): Buffer {
  const kind = random();
  const changesCalls = kind < 0.4;
  let parts = validParts(random, changesCalls);
  if (kind > 0.3 && kind < 0.8) {
    for (let left = 1 + below(2, random); left > 0; left -= 1) parts = mutateParts(parts, random);
  }
  const frames = Buffer.concat(parts.map(encodePart));
  const settings = encodeSettings(
    ...Array.from({ length: below(3, random) }, () => setting(random)),
  );
  const start = Buffer.concat([preface, settings]);
  if (kind < 0.8) return Buffer.concat([start, frames]);
  return kind < 0.97
    ? Buffer.concat([start, mutateBytes(frames, random)])
    : Buffer.concat([mutateBytes(start, random), frames]);
}

function encodePart({ type, ...parts }: Part): Buffer {
  return encodeFrame(type, parts);
}

function setting(random: Random): readonly [number, number] {
  return oneOf(
    [
      [Setting.HEADER_TABLE_SIZE, below(8_192, random)],
      [Setting.ENABLE_PUSH, 0],
      [Setting.INITIAL_WINDOW_SIZE, oneOf([0, 1, 65_535, 2 ** 31 - 1], random)],
      [Setting.MAX_FRAME_SIZE, 16_384 + below(1_000, random)],
    ],
    random,
  );
}

/** A few calls and frames of control, as a client may send them. */
function validParts(random: Random, changesCalls: boolean): Part[] {
  const parts: Part[] = [];
  let streamId = 1;
  for (let left = 1 + below(4, random); left > 0; left -= 1) {
    const isCall = random() < 0.6;
    if (isCall) parts.push(...callParts(streamId, random, changesCalls));
    else parts.push(controlPart(streamId, random));
    if (isCall) streamId += 2;
  }
  return parts;
}

/** A call: its headers in one frame or several, its body as well, with padding and trailers or without. */
function callParts(streamId: number, random: Random, isChanged: boolean): Part[] {
  const { path, headers: more, body } = fuzzedCall(random, isChanged ? 1 + below(2, random) : 0);
  const all = callHeaders(path, random() < 0.5 ? more : [...more, ...someHeaders]);
  const block = encodeHeaders(isChanged && random() < 0.5 ? changeOneHeader(all, random) : all);
  const blocks = random() < 0.8 ? [block] : cut(block, random);
  const headers = blocks.map((payload, index) => ({
    type: index === 0 ? FrameType.HEADERS : FrameType.CONTINUATION,
    flags: index === blocks.length - 1 ? Flag.END_HEADERS : 0,
    streamId,
    payload,
  }));
  const hasTrailers = random() < 0.1;
  const bodies = (random() < 0.7 ? [body] : cut(body, random)).flatMap((each) => cutLong(each));
  const data = bodies.map((payload, index) => {
    const isLast = index === bodies.length - 1 && !hasTrailers;
    const end = isLast && random() < 0.9 ? Flag.END_STREAM : 0;
    const padding = random() < 0.8 ? undefined : below(20, random);
    return {
      type: FrameType.DATA,
      flags: end | (padding === undefined ? 0 : Flag.PADDED),
      streamId,
      payload:
        padding === undefined
          ? payload
          : Buffer.concat([Buffer.from([padding]), payload, Buffer.alloc(padding)]),
    };
  });
  const trailers = {
    type: FrameType.HEADERS,
    flags: Flag.END_HEADERS | Flag.END_STREAM,
    streamId,
    payload: encodeHeaders([["x-trailer", "1"]]),
  };
  return [...headers, ...data, ...(hasTrailers ? [trailers] : [])];
}

function changeOneHeader(headers: readonly Header[], random: Random): Header[] {
  const at = below(headers.length, random);
  const change = (text: string): string =>
    mutateBytes(Buffer.from(text, "latin1"), random).toString("latin1");
  return headers.map((header, index) => {
    if (index !== at) return header;
    const [name, value] = header;
    return random() < 0.3 ? [change(name), value] : [name, change(value)];
  });
}

function controlPart(streamId: number, random: Random): Part {
  const zero = { flags: 0, streamId: 0 };
  return oneOf<Part>(
    [
      { ...zero, type: FrameType.PING, payload: randomBytes(8, random) },
      { ...zero, type: FrameType.SETTINGS, payload: Buffer.alloc(0) },
      { ...zero, type: FrameType.WINDOW_UPDATE, payload: uint32(1 + below(100_000, random)) },
      { ...zero, type: FrameType.PRIORITY, streamId, payload: randomBytes(5, random) },
      {
        ...zero,
        type: FrameType.RST_STREAM,
        streamId: Math.max(1, streamId - 2),
        payload: uint32(8),
      },
      { ...zero, type: FrameType.GOAWAY, payload: Buffer.alloc(8) },
      { ...zero, type: 10 + below(246, random), payload: randomBytes(below(40, random), random) },
    ],
    random,
  );
}

const partMutations: readonly ((parts: readonly Part[], at: number, random: Random) => Part[])[] = [
  // Leaves one out.
  (parts, at) => parts.toSpliced(at, 1),
  // Repeats one.
  (parts, at) => parts.toSpliced(at, 0, ...parts.slice(at, at + 1)),
  // Moves one to the end.
  (parts, at) => [...parts.toSpliced(at, 1), ...parts.slice(at, at + 1)],
  // Puts any frame in between.
  (parts, at, random) =>
    parts.toSpliced(at, 0, {
      type: below(12, random),
      flags: below(256, random),
      streamId: oneOf(streamIds, random),
      payload: randomBytes(below(64, random), random),
    }),
  changeOne((_, random) => ({ type: below(12, random) })),
  changeOne(({ flags }, random) => ({ flags: flags ^ (1 << below(8, random)) })),
  changeOne((_, random) => ({ streamId: oneOf(streamIds, random) })),
  changeOne(({ payload }, random) => ({
    length:
      random() < 0.5 ? oneOf(lengths, random) : Math.max(0, payload.length - 3 + below(7, random)),
  })),
  changeOne(({ payload }, random) => ({ payload: mutateBytes(payload, random) })),
  changeOne(({ payload }, random) => ({ payload: mutateBytes(payload, random) })),
];

function changeOne(
  change: (part: Part, random: Random) => Partial<Part>,
): (parts: readonly Part[], at: number, random: Random) => Part[] {
  return (parts, at, random) =>
    parts.map((part, index) => (index === at ? { ...part, ...change(part, random) } : part));
}

function mutateParts(parts: readonly Part[], random: Random): Part[] {
  return oneOf(partMutations, random)(parts, below(parts.length, random), random);
}

/** Cuts bytes in two somewhere. */
function cut(bytes: Buffer, random: Random): Buffer[] {
  const at = below(bytes.length + 1, random);
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

/** No frame is longer than the server allows, unless it is meant to be. */
function cutLong(bytes: Buffer): Buffer[] {
  const most = 16_000;
  return Array.from({ length: Math.max(1, Math.ceil(bytes.length / most)) }, (_, index) =>
    bytes.subarray(index * most, (index + 1) * most),
  );
}
