import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { GetUserRequest } from "@org/contracts/user/v1";
import { Code } from "@org/kit/client";
import { report } from "../support/figures.ts";
import { flood, type FloodKind, floodKinds, type FloodResult } from "../support/flood.ts";
import { encodeHeaders, encodeIndexedHeader, type Header, lastHeader } from "../support/hpack.ts";
import { encodeFrame, Flag, FrameType } from "../support/http2-frames.ts";
import { frame } from "../support/raw-grpc.ts";
import {
  callHeaders,
  encodeCall,
  encodeHeadersFrame,
  greeting,
  openRawHttp2,
  type StreamOutcome,
} from "../support/raw-http2.ts";
import { startTarget, type Target } from "../support/target.ts";
import { calm, expectUnharmed, rehearsed, secondClientMs } from "../support/unharmed.ts";
import { ErrorCode, getUserPath } from "./malformed-cases.ts";

/** For how long a target is flooded, and for how long before that, until it has the memory that takes. */
const floodMs = 1_000;
const rehearsalMs = 2_000;

/** How long a second client may wait meanwhile: the median. */
const maxAnswerMs = 100;

const body = frame(GetUserRequest.encode({ userId: "u1" }).finish());

let target: Target;
/** What there is to say at the end. */
const figures: { kind: FloodKind; result: FloodResult; medianMs: number }[] = [];
const survivals: string[] = [];

beforeAll(async () => {
  target = await startTarget();
});

afterAll(async () => {
  await target[Symbol.asyncDispose]();
});

/** Floods, and has a second client connect and call all the while. Resolves with how long that waits: the median. */
async function floodBesideCalls(kind: FloodKind, reads: boolean): Promise<number> {
  const times: number[] = [];
  const flooded = new AbortController();
  const [result] = await Promise.all([
    flood({ port: target.port, kind, reads, durationMs: floodMs }).finally(() => {
      flooded.abort();
    }),
    (async () => {
      while (!flooded.signal.aborted) times.push(await secondClientMs(target));
    })(),
  ]);
  const medianMs = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Infinity;
  expect(result.frames).toBeGreaterThan(1_000);
  figures.push({ kind, result, medianMs });
  return medianMs;
}

test.each(floodKinds)("a flood of %s is closed or harmless", async (kind) => {
  const { port } = target;
  const before = await rehearsed(target, () =>
    flood({ port, kind, reads: true, durationMs: rehearsalMs }),
  );
  for (const reads of [true, false]) {
    expect(await floodBesideCalls(kind, reads)).toBeLessThan(maxAnswerMs);
    await expectUnharmed(target, before);
  }
});

test("all floods but of what costs nothing have their connections closed", () => {
  const left = figures.filter(({ result }) => result.closed === 0).map(({ kind }) => kind);
  expect(new Set(left)).toEqual(new Set(["WINDOW_UPDATE"]));
});

interface HeaderCase {
  readonly title: string;
  readonly headers: readonly Header[];
  /** Whether the call beside it, on the same connection, is answered. */
  readonly survives: boolean;
}

const headersOf = (count: number, bytes: number): Header[] =>
  Array.from({ length: count }, (_, index) => [`x-${index}`, "a".repeat(bytes)]);

/**
 * What is too much for a call resets its stream. A single header of more than 64 KiB is not even decoded by nghttp2:
 * without that, no header behind it can be, and the connection has to be closed (RFC 9113, section 4.3).
 */
const headerCases: readonly HeaderCase[] = [
  { title: "17 KB in one header", headers: headersOf(1, 17_000), survives: true },
  { title: "17 KB in 17 headers", headers: headersOf(17, 1_000), survives: true },
  { title: "70 KB in 70 headers", headers: headersOf(70, 1_000), survives: true },
  { title: "130 KB in 100 headers", headers: headersOf(100, 1_300), survives: true },
  { title: "500 headers", headers: headersOf(500, 1), survives: true },
  { title: "70 KB in one header", headers: headersOf(1, 70_000), survives: false },
  { title: "130 KB in one header", headers: headersOf(1, 130_000), survives: false },
];

/** A header block in as few frames as it fits in. */
function encodeLongHeaders(streamId: number, headers: readonly Header[]): Buffer {
  const block = encodeHeaders(headers);
  const most = 16_384;
  const count = Math.ceil(block.length / most);
  const frames = Array.from({ length: count }, (_, index) =>
    encodeFrame(index === 0 ? FrameType.HEADERS : FrameType.CONTINUATION, {
      streamId,
      flags: index === count - 1 ? Flag.END_HEADERS : 0,
      payload: block.subarray(index * most, (index + 1) * most),
    }),
  );
  return Buffer.concat(frames);
}

test.each(headerCases)(
  "$title: refused, a call beside it survives: $survives",
  async ({ title, headers, survives }) => {
    const before = await calm(target);
    await using connection = await openRawHttp2(target.port);
    const [good, bad, next] = [1, 3, 5];
    await connection.send(greeting, encodeHeadersFrame(good, callHeaders(getUserPath)));
    // The limit holds once the client has acknowledged it.
    await connection.fence();
    await connection.send(encodeLongHeaders(bad, callHeaders(getUserPath, headers)));
    const isAlive = await connection.fence();
    expect(isAlive).toBe(survives);
    await connection.send(
      encodeFrame(FrameType.DATA, { streamId: good, flags: Flag.END_STREAM, payload: body }),
      encodeCall(next, getUserPath, body),
    );
    await connection.until(() => [good, bad, next].every((id) => connection.outcomeOf(id).isOver));
    expect({
      goaway: connection.goaway,
      bad: connection.outcomeOf(bad).reset,
      good: connection.outcomeOf(good).grpcStatus,
      next: connection.outcomeOf(next).grpcStatus,
    }).toEqual(
      survives
        ? { goaway: undefined, bad: ErrorCode.ENHANCE_YOUR_CALM, good: Code.OK, next: Code.OK }
        : { goaway: ErrorCode.COMPRESSION_ERROR, bad: undefined, good: undefined, next: undefined },
    );
    await expectUnharmed(target, before);
    survivals.push(`${title}: ${survives ? "the stream reset" : "the connection closed"}`);
  },
);

/** Whether a call is refused for its headers. */
function isRefused({ reset, grpcStatus }: StreamOutcome): boolean {
  return reset === ErrorCode.ENHANCE_YOUR_CALM || grpcStatus === Code.RESOURCE_EXHAUSTED;
}

// A header of 4 KB once, and then 115 times in as many bytes: 460 KB of headers in a call of 270 bytes.
test.each([true, false])(
  "300 calls with 460 KB of headers in 270 bytes are refused, SETTINGS acknowledged: %s",
  async (acknowledges) => {
    const before = await calm(target);
    await using connection = await openRawHttp2(target.port, { acknowledges });
    await connection.send(greeting);
    await connection.fence();
    const usual = encodeHeaders(callHeaders("/org.user.v1.UserService/BulkCreateUsers"));
    const first = Buffer.concat([usual, encodeIndexedHeader(["x-a", "a".repeat(4_000)])]);
    const others = Buffer.concat([usual, Buffer.alloc(115, lastHeader)]);
    const streamIds = Array.from({ length: 300 }, (_, index) => 3 + 2 * index);
    const headersFrame = (streamId: number, payload: Buffer): Buffer =>
      encodeFrame(FrameType.HEADERS, { streamId, flags: Flag.END_HEADERS, payload });
    await connection.send(
      headersFrame(1, first),
      ...streamIds.map((streamId) => headersFrame(streamId, others)),
    );
    await connection.fence();
    const { handlers } = await target.state();
    const refused = streamIds.filter((id) => isRefused(connection.outcomeOf(id)));
    // The one call with 4 KB of headers is good.
    expect({ refused: refused.length, handlers }).toEqual({ refused: 300, handlers: 1 });
    await connection.end();
    await expectUnharmed(target, before);
  },
);

test("they are counted", () => {
  expect(figures).toHaveLength(2 * floodKinds.length);
  expect(survivals).toHaveLength(headerCases.length);
  const closed = figures.reduce((sum, { result }) => sum + result.closed, 0);
  const frames = figures.reduce((sum, { result }) => sum + result.frames, 0);
  const slowest = Math.max(...figures.map(({ medianMs }) => medianMs));
  report({
    what: "PING, SETTINGS, empty-DATA, PRIORITY, CONTINUATION floods; 70 KB, 130 KB and 500 headers",
    must: "closed or harmless",
    measured: `${Math.round(frames / 1e6)} million frames of ${floodKinds.length} types: ${closed} connections closed, WINDOW_UPDATE harmless; a second client waits ${slowest.toFixed(0)} ms at the most (median); ${survivals.slice(2).join(", ")}`,
  });
});
