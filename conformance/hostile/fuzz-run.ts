import { setTimeout as delay } from "node:timers/promises";
import { Code } from "@org/kit/client";
import { encodeFrame, Flag, FrameReader, FrameType, preface } from "../support/http2-frames.ts";
import { openRawHttp2, type StreamOutcome } from "../support/raw-http2.ts";
import { ErrorCode } from "./malformed-cases.ts";

/** What came of a case. */
export interface FuzzOutcome {
  /** What came that no specification allows for; undefined where all is well. */
  readonly wrong: string | undefined;
  /** Whether the server has not closed the connection, or has not even read what came. */
  readonly hangs: boolean;
  /** The statuses that streams ended with, of gRPC or of HTTP, and how many streams were reset. */
  readonly statuses: readonly string[];
  readonly resets: number;
  /** Whether the server closed the connection before its client ended it. */
  readonly isClosed: boolean;
  /** How many streams were left to the end of the connection. */
  readonly left: number;
}

/** How long a server may take to read what has come, and to close a connection whose client has ended it. */
const boundMs = 5_000;

/**
 * How long answers are waited for. Some never come: a stream whose HEADERS were ignored, or whose client lets no byte
 * of an answer pass, is closed with its connection.
 */
const answerMs = 250;

/** What may come of calls that were changed anywhere, and what the target's handlers may answer. */
const statuses: readonly number[] = [
  Code.OK,
  Code.INVALID_ARGUMENT,
  Code.NOT_FOUND,
  Code.DEADLINE_EXCEEDED,
  Code.RESOURCE_EXHAUSTED,
  Code.UNIMPLEMENTED,
  Code.INTERNAL,
];

/** An answer without a gRPC status: to what is no call of gRPC. */
const httpStatuses: readonly string[] = ["400", "404", "405", "415"];

const resets: readonly number[] = [
  0,
  ErrorCode.PROTOCOL_ERROR,
  ErrorCode.STREAM_CLOSED,
  ErrorCode.REFUSED_STREAM,
  ErrorCode.ENHANCE_YOUR_CALM,
];

const goaways: readonly number[] = [0, ...Object.values(ErrorCode)].filter(
  (code) => code !== ErrorCode.REFUSED_STREAM,
);

/**
 * Sends those bytes on a connection of their own, ends what they leave open, and waits until the server is done with
 * them: no later than its answer to a PING behind them and to the end of the connection.
 */
export async function runFuzzed(port: number, bytes: Buffer): Promise<FuzzOutcome> {
  await using connection = await openRawHttp2(port);
  const sent = readSent(bytes);
  await connection.send(bytes, sent.filler);
  let isAlive = await inTime(connection.fence());
  const streamIds = [...sent.open, ...sent.ended];
  if (isAlive === true) {
    const unended = sent.open.filter((streamId) => !connection.outcomeOf(streamId).isOver);
    await connection.send(
      ...unended.map((streamId) =>
        encodeFrame(FrameType.DATA, { streamId, flags: Flag.END_STREAM }),
      ),
    );
    isAlive = await inTime(connection.fence());
    const areOver = (): boolean => streamIds.every((id) => connection.outcomeOf(id).isOver);
    await Promise.race([connection.until(areOver), delay(answerMs)]);
  }
  const isClosed = connection.isClosed;
  const hasEnded = await inTime(connection.end().then(() => true));
  const outcomes = streamIds.map((id) => connection.outcomeOf(id));
  const { goaway } = connection;
  const wrong = [
    ...outcomes.map(wrongOf),
    goaway === undefined || goaways.includes(goaway) ? undefined : `GOAWAY ${goaway}`,
  ].find((each) => each !== undefined);
  const over = outcomes.filter(({ isOver }) => isOver);
  const answered = over.filter(({ reset }) => reset === undefined);
  return {
    wrong,
    hangs: isAlive === undefined || hasEnded === undefined,
    statuses: answered.map(({ grpcStatus, httpStatus }) =>
      grpcStatus === undefined ? `HTTP ${httpStatus ?? "?"}` : (Code[grpcStatus] ?? "?"),
    ),
    resets: over.length - answered.length,
    isClosed,
    left: isClosed ? 0 : outcomes.length - over.length,
  };
}

/** Undefined where it takes too long. */
function inTime<T>(promise: Promise<T>): Promise<T | undefined> {
  return Promise.race([promise, delay(boundMs, undefined, { ref: false })]);
}

function wrongOf({ httpStatus, grpcStatus, reset, isOver }: StreamOutcome): string | undefined {
  if (!isOver) return undefined;
  if (grpcStatus !== undefined) {
    return statuses.includes(grpcStatus) ? undefined : `grpc-status ${grpcStatus}`;
  }
  if (reset !== undefined) return resets.includes(reset) ? undefined : `RST_STREAM ${reset}`;
  return httpStatuses.includes(httpStatus ?? "") ? undefined : `HTTP status ${httpStatus ?? ""}`;
}

interface Sent {
  /** The streams that were opened and not ended, and those that were ended; none that was reset. */
  readonly open: readonly number[];
  readonly ended: readonly number[];
  /** What the last frame lacks: without that, a frame behind it would be taken for its payload. */
  readonly filler: Buffer;
}

/** What a server that finds nothing wrong makes of bytes. */
function readSent(bytes: Buffer): Sent {
  const reader = new FrameReader();
  const opened = new Set<number>();
  const ended = new Set<number>();
  for (const { type, flags, streamId } of reader.read(bytes.subarray(preface.length))) {
    if (type === FrameType.HEADERS) opened.add(streamId);
    const endsStream = type === FrameType.HEADERS || type === FrameType.DATA;
    if (endsStream && (flags & Flag.END_STREAM) !== 0) ended.add(streamId);
    if (type === FrameType.RST_STREAM) opened.delete(streamId);
  }
  const fillers: Buffer[] = [];
  for (let { missing } = reader; missing !== 0; { missing } = reader) {
    // The header of a frame first, which says how much is to come.
    const filler = Buffer.alloc(missing ?? 1);
    // No server waits for so much.
    if (filler.length > 16_384) break;
    fillers.push(filler);
    reader.read(filler);
  }
  const all = Array.from(opened);
  return {
    open: all.filter((streamId) => !ended.has(streamId)),
    ended: all.filter((streamId) => ended.has(streamId)),
    filler: Buffer.concat(fillers),
  };
}
