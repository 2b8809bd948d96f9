/** What peers can do to each other's calls, and calls to their server: by what they send, and by what they do not. */
import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { callMetrics } from "../src/call-metrics.ts";
import { Code, RpcError } from "../src/index.ts";
import { serverGauges } from "../src/server-gauges.ts";
import { EchoDefinition } from "./echo.ts";
import {
  callAny,
  type EchoServer,
  failureOf,
  frame,
  handlersOf,
  message,
  type Method,
  methods,
  startEcho,
} from "./echo-server.ts";
import { echoWith } from "./policy.ts";

async function connected({ server }: EchoServer): Promise<ClientHttp2Session> {
  const session = connect(`http://${server.target}`);
  session.on("error", () => undefined);
  await once(session, "connect");
  return session;
}

const pathOf = (method: Method): string =>
  `/${EchoDefinition.fullName}/${EchoDefinition.methods[method].name}`;

function open(
  session: ClientHttp2Session,
  method: Method,
  headers: Readonly<Record<string, string>> = {},
): ClientHttp2Stream {
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: "POST",
    [constants.HTTP2_HEADER_PATH]: pathOf(method),
    [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.on("error", () => undefined);
  return stream;
}

/** Resolves with the status of a stream, once it has one. */
async function statusOf(stream: ClientHttp2Stream): Promise<string | undefined> {
  let status: string | undefined;
  const note = (headers: IncomingHttpHeaders): void => {
    status ??= headers["grpc-status"]?.toString();
  };
  stream.on("response", note).on("trailers", note).resume();
  await once(stream, "end");
  return status;
}

function compressed(text: string): Buffer {
  const bytes = gzipSync(frame(message("", text)).subarray(5));
  const prefix = Buffer.alloc(5);
  prefix[0] = 1;
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** How many calls are not over. */
const inFlight = (): number =>
  [...serverGauges].reduce((sum, { callsInFlight }) => sum + callsInFlight(), 0);

/** Resolves once a call of the session's has gone all the way. */
async function roundTrip(session: ClientHttp2Session): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  session.ping(() => {
    resolve();
  });
  await promise;
}

/** A stream that has been at work for longer than what is refused for the want of room has to wait. */
async function busyStream(session: ClientHttp2Session, method: "collect" | "chat") {
  const stream = open(session, method).resume();
  const start = performance.now();
  while (performance.now() - start < 700) {
    stream.write(frame(message("m")));
    await delay(20);
  }
  return stream;
}

const echoing = handlersOf(async function* (requests) {
  for await (const each of requests) yield each;
});

test.each(["collect", "chat"] as const)(
  "a stream whose requests come goes on while a stranger fills the memory: %s",
  async (method) => {
    const bytes = 256 * 1024;
    await using echo = await startEcho(
      {
        ...echoing,
        async collect(requests) {
          for await (const _ of requests);
          return message("all");
        },
      },
      { definition: echoWith({ maxRequestBytes: bytes }) },
    );
    const [good, stranger] = [await connected(echo), await connected(echo)];
    const stream = await busyStream(good, method);
    // More than all calls together may hold, if each were kept.
    const bomb = compressed("x".repeat(bytes - 64));
    const refused = Array.from({ length: 300 }, () => {
      const each = open(stranger, "echo", { "grpc-encoding": "gzip" });
      each.write(bomb);
      return statusOf(each);
    });
    expect(await Promise.race(refused)).toBe(String(Code.RESOURCE_EXHAUSTED));
    expect(stream.closed).toBe(false);
    expect(await statusOf(stream.end())).toBe("0");
    good.destroy();
    stranger.destroy();
  },
);

test.each([
  ["collect", false],
  ["chat", false],
  ["collect", true],
  ["chat", true],
] as const)(
  "a stream at work keeps its place in a full server: %s, ended: %s",
  async (method, isEnded) => {
    const release = Promise.withResolvers<void>();
    await using echo = await startEcho(
      {
        async echo() {
          await release.promise;
          return message("");
        },
        async collect(requests) {
          for await (const _ of requests);
          await release.promise;
          return message("all");
        },
        async *chat(requests) {
          yield* requests;
          await release.promise;
        },
      },
      { maxConcurrentCalls: 2, loadShedding: false },
    );
    const [good, others] = [await connected(echo), await connected(echo)];
    const stream = await busyStream(good, method);
    if (isEnded) {
      stream.end();
      await roundTrip(good);
    }
    const statuses = [1, 2].map(() => statusOf(open(others, "echo").end(frame(message("")))));
    expect(await Promise.race(statuses)).toBe(String(Code.UNAVAILABLE));
    expect(stream.closed).toBe(false);
    release.resolve();
    expect(await statusOf(isEnded ? stream : stream.end())).toBe("0");
    good.destroy();
    others.destroy();
  },
);

test.each(["collect", "chat"] as const)(
  "a handler that reads no further is not kept from its answer: %s",
  async (method) => {
    await using echo = await startEcho(
      {
        async collect(requests) {
          for await (const _ of requests) break;
          await delay(1_200);
          return message("enough");
        },
        async *chat(requests) {
          for await (const _ of requests) break;
          await delay(1_200);
          yield message("enough");
        },
      },
      { requestTimeoutMs: 200 },
    );
    const session = await connected(echo);
    const stream = open(session, method);
    stream.write(frame(message("first")));
    // Of more than one frame of HTTP/2, so that it comes in parts.
    stream.write(frame(message("second", "x".repeat(300_000))));
    expect(await statusOf(stream)).toBe("0");
    session.destroy();
  },
);

test.each([
  ["an unreadable timeout", { "grpc-timeout": "soon" }],
  ["another content", { [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/json" }],
])("%s leaves no call behind whose request goes on", async (_name, headers) => {
  await using echo = await startEcho(echoing);
  const session = await connected(echo);
  const streams = methods.map((method) => open(session, method, headers));
  await Promise.all(streams.map((stream) => once(stream.resume(), "close")));
  await roundTrip(session);
  expect(inFlight()).toBe(0);
  session.destroy();
});

test("half a request behind the only one is no request", async () => {
  await using echo = await startEcho(echoing);
  const session = await connected(echo);
  const one = frame(message("one"));
  const stream = open(session, "echo").end(Buffer.concat([one, one.subarray(0, 7)]));
  expect(await statusOf(stream)).toBe(String(Code.UNIMPLEMENTED));
  session.destroy();
});

test("whoever sends what cannot be decompressed hears what can", async () => {
  await using echo = await startEcho(echoing);
  const session = await connected(echo);
  const stream = open(session, "echo", { "grpc-encoding": "br" }).end(compressed("x"));
  let accepted: unknown;
  stream.once("response", (headers) => (accepted = headers["grpc-accept-encoding"]));
  expect(await statusOf(stream)).toBe(String(Code.UNIMPLEMENTED));
  expect(accepted).toBe("identity,deflate,gzip");
  session.destroy();
});

test("what ended a call that its server gave up is what is counted", async () => {
  await using echo = await startEcho(echoing, { requestTimeoutMs: 100 });
  const session = await connected(echo);
  const stream = open(session, "echo");
  stream.write(frame(message("")).subarray(0, 3));
  expect(await statusOf(stream)).toBe(String(Code.DEADLINE_EXCEEDED));
  const counted = callMetrics.server.get(pathOf("echo"))?.durations.map(([code]) => code);
  expect(counted).toContain(Code.DEADLINE_EXCEEDED);
  session.destroy();
});

describe.each(methods)("%s", (method) => {
  test.each<[string, () => unknown]>([
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- As code does that is not checked.
    ["a text that is none", () => new RpcError(Code.UNAVAILABLE, undefined as never)],
    [
      "metadata that are none",
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- As code does that is not checked.
      () => new RpcError(Code.UNAVAILABLE, "text", { metadata: {} as never }),
    ],
    [
      "what cannot be looked at",
      () =>
        new Proxy(new Error("text"), {
          getPrototypeOf() {
            throw new Error("no");
          },
        }),
    ],
  ])("a handler that throws %s fails its call, and nothing else", async (_name, make) => {
    let isFirst = true;
    await using echo = await startEcho(
      handlersOf(async function* () {
        if (isFirst) {
          isFirst = false;
          throw make();
        }
        yield message("well");
      }),
    );
    expect((await failureOf(callAny(echo.client, method))).code).toBe(Code.INTERNAL);
    expect(await callAny(echo.client, method)).toEqual(["well"]);
  });
});
