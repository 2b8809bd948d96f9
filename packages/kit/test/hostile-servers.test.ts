/** What servers, and networks, can do to a client: by what they send, and by what they do not. */
import { once } from "node:events";
import { constants, type ServerHttp2Stream } from "node:http2";
import { createServer as createTcpServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { Metadata } from "@grpc/grpc-js";
import { describe, expect, test } from "@jest/globals";
import { createChannel, createClient } from "../src/client-index.ts";
import { connectionOf, internalsOf } from "../src/grpc-js-internals.ts";
import { Code } from "../src/index.ts";
import { callAny, failureOf, frame, message, methods } from "./echo-server.ts";
import { answer, compressed, definition, done, ok, plain, startPeer } from "./raw-peer.ts";

const gzipped = (text: string): Buffer =>
  compressed(gzipSync(frame(message("1", text)).subarray(5)));

test.each(["__proto__", "valueOf", "hasOwnProperty", "constructor", "toString", "br"])(
  "an answer that is said to be compressed by %s cannot be read, and that is all",
  async (encoding) => {
    await using peer = await startPeer((stream) => {
      answer(stream, [gzipped("x")], done, { ...ok, "grpc-encoding": encoding });
    });
    for (const method of methods) {
      expect(await failureOf(callAny(peer.client, method))).toMatchObject({
        code: Code.INTERNAL,
        text: "the answer is compressed in a way that the client does not know",
      });
    }
  },
);

test("an answer that is complete counts, though the connection is lost before it is decompressed", async () => {
  let calls = 0;
  await using peer = await startPeer((stream) => {
    calls += 1;
    answer(stream, [gzipped("x".repeat(1_000_000))], done, { ...ok, "grpc-encoding": "gzip" });
    stream.once("close", () => stream.session?.destroy());
  });
  for (let nth = 1; nth <= 5; nth += 1) {
    expect(await callAny(peer.client, "echo")).toEqual(["1"]);
    expect(calls).toBe(nth);
  }
});

test.each(["expand", "chat"] as const)(
  "answers that have come are read to the end, though the connection is lost: %s",
  async (method) => {
    const count = 200;
    const closed = Promise.withResolvers<void>();
    await using peer = await startPeer((stream) => {
      answer(
        stream,
        Array.from({ length: count }, (_, id) => frame(message(String(id)))),
      );
      stream.once("close", () => {
        stream.session?.destroy();
        closed.resolve();
      });
    });
    const answers =
      method === "expand" ? peer.client.expand({}) : peer.client.chat([message("request")]);
    let read = 0;
    for await (const { requestId } of answers) {
      expect(requestId).toBe(String(read));
      read += 1;
      // So that all of them are here, and the connection is not.
      if (read === 1) await closed.promise.then(() => delay(50));
    }
    expect(read).toBe(count);
  },
);

test("half an answer before OK is none", async () => {
  await using peer = await startPeer((stream) => {
    answer(stream, [Buffer.concat([frame(message("1")), frame(message("2")).subarray(0, 6)])]);
  });
  for (const method of methods) {
    expect(await failureOf(callAny(peer.client, method))).toMatchObject({
      code: Code.INTERNAL,
      text: "the answer ended in the middle of a message",
    });
  }
});

describe("a stream that its server ends without a status fails its call at once", () => {
  const ends: readonly (readonly [string, (stream: ServerHttp2Stream) => void])[] = [
    ["by its end", (stream) => void stream.end(frame(message("1")))],
    ["by a reset without a fault", (stream) => stream.close(constants.NGHTTP2_NO_ERROR)],
  ];
  test.each(ends)("%s", async (_name, end) => {
    await using peer = await startPeer((stream) => {
      stream.respond(ok);
      end(stream);
    });
    const client = createClient(plain, { channel: peer.channel });
    async function* requests() {
      yield message("1");
      // The call's own half stays open.
      await Promise.withResolvers<never>().promise;
    }
    const call = client.collect(requests(), { timeoutMs: 20_000 });
    expect((await failureOf(call)).code).toBe(Code.INTERNAL);
  });
});

test("requests that nobody takes do not keep the stream of an answered call open", async () => {
  const closed = Promise.withResolvers<void>();
  await using peer = await startPeer((stream) => {
    stream.once("close", closed.resolve).once("aborted", closed.resolve);
    stream.once("wantTrailers", () => {
      stream.sendTrailers(done);
    });
    stream.respond(ok, { waitForTrailers: true });
    stream.end(frame(message("enough")));
    // What it is sent, it does not read.
  });
  const requests = Array.from({ length: 10 }, () => message("x", "x".repeat(50_000)));
  expect(await peer.client.collect(requests)).toEqual(message("enough"));
  await closed.promise;
});

test("metadata that are too large fail their call, and no other on the connection", async () => {
  const streams: ServerHttp2Stream[] = [];
  await using peer = await startPeer((stream) => {
    streams.push(stream);
    if (streams.length > 1) answer(stream, [frame(message("1"))]);
  });
  const waiting = callAny(peer.client, "echo");
  await until(() => streams.length === 1);
  const metadata = new Metadata();
  metadata.set("large", "x".repeat(100_000));
  expect(await failureOf(peer.client.echo({}, { metadata }))).toMatchObject({
    code: Code.RESOURCE_EXHAUSTED,
    text: "the metadata have more than 61440 bytes",
  });
  const [first] = streams;
  if (first !== undefined) answer(first, [frame(message("first"))]);
  expect(await waiting).toEqual(["first"]);
  expect(peer.sessions).toHaveLength(1);
});

test("a connection without numbers for more calls is replaced, and no call fails", async () => {
  await using peer = await startPeer((stream) => {
    answer(stream, [frame(message("1"))]);
  });
  const client = createClient(plain, { channel: peer.channel });
  expect(await callAny(client, "echo")).toEqual(["1"]);
  const { subchannel } = internalsOf(peer.channel)?.doPick(new Metadata(), {}) ?? {};
  const connection = subchannel ? connectionOf(subchannel.getRealSubchannel()) : undefined;
  if (!connection) throw new Error("there is no connection");
  // Two calls are left; the types of Node.js do not have it for clients.
  const setNext: unknown = Reflect.get(connection.session, "setNextStreamID");
  if (typeof setNext !== "function") throw new Error("the next number cannot be set");
  Reflect.apply(setNext, connection.session, [2 ** 31 - 3]);
  for (const method of [...methods, ...methods]) {
    expect(await callAny(client, method)).toEqual(["1"]);
  }
  expect(peer.sessions).toHaveLength(2);
});

describe("a call is not tried again", () => {
  const attemptsOf = async (trailers: Readonly<Record<string, string>>, hasHeader: boolean) => {
    let attempts = 0;
    await using peer = await startPeer((stream) => {
      attempts += 1;
      if (hasHeader) answer(stream, [], trailers);
      else stream.respond({ ...ok, ...trailers }, { endStream: true });
    });
    const error = await failureOf(callAny(peer.client, "echo"));
    return { attempts, code: error.code };
  };

  test("where its server says UNAVAILABLE behind a header", async () => {
    const found = await attemptsOf({ "grpc-status": "14", "grpc-message": "overloaded" }, true);
    expect(found).toEqual({ attempts: 1, code: Code.UNAVAILABLE });
  });

  test("where its server asks for more patience than a timer has", async () => {
    const trailers = { "grpc-status": "14", "grpc-retry-pushback-ms": "10000000000" };
    expect(await attemptsOf(trailers, false)).toEqual({ attempts: 1, code: Code.UNAVAILABLE });
  });

  test("once its deadline has passed", async () => {
    let attempts = 0;
    const first = Promise.withResolvers<ServerHttp2Stream>();
    await using peer = await startPeer((stream) => {
      attempts += 1;
      first.resolve(stream);
    });
    const call = peer.client.echo({}, { timeoutMs: 50 });
    const stream = await first.promise;
    expect((await failureOf(call)).code).toBe(Code.DEADLINE_EXCEEDED);
    const trailers = { "grpc-status": "14", "grpc-retry-pushback-ms": "1" };
    stream.respond({ ...ok, ...trailers }, { endStream: true });
    await once(stream, "close");
    await delay(20);
    expect(attempts).toBe(1);
  });
});

test("a call that was never sent says where it should have gone", async () => {
  // It accepts connections, and says nothing on them.
  const silent = createTcpServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const channel = createChannel({ target: `127.0.0.1:${port}` });
  const client = createClient(plain, { channel });
  const target = channel.getTarget();
  expect((await failureOf(client.echo({}, { timeoutMs: 50 }))).text).toBe(
    `the deadline passed before the call was sent: there was no connection to ${target}`,
  );
  expect((await failureOf(client.echo({}, { timeoutMs: 0 }))).text).toBe(
    "the deadline had passed before the call was made",
  );
  channel.close();
  silent.close();
});

test.each([Infinity, NaN, 1.5, -2])("no message has %d bytes", (bytes) => {
  const target = "127.0.0.1:1";
  expect(() => createChannel({ target, maxReceiveMessageBytes: bytes })).toThrow(
    /maxReceiveMessageBytes/,
  );
  expect(() => createChannel({ target, maxSendMessageBytes: bytes })).toThrow(
    /maxSendMessageBytes/,
  );
});

describe("a token that never comes", () => {
  const token = (): Promise<string> => Promise.withResolvers<string>().promise;

  test.each(methods)("ends the call at its deadline: %s", async (method) => {
    await using peer = await startPeer(() => undefined);
    const client = createClient(definition, { channel: peer.channel, token });
    expect(await failureOf(callAny(client, method, { timeoutMs: 20 }))).toMatchObject({
      code: Code.DEADLINE_EXCEEDED,
      text: "the deadline passed before there was a token to call with",
    });
  });

  test.each(methods)("ends the call that its caller gives up: %s", async (method) => {
    await using peer = await startPeer(() => undefined);
    const client = createClient(definition, { channel: peer.channel, token });
    const controller = new AbortController();
    const call = failureOf(callAny(client, method, { signal: controller.signal }));
    controller.abort();
    expect((await call).code).toBe(Code.CANCELLED);
    const late = failureOf(callAny(client, method, { signal: controller.signal }));
    expect((await late).code).toBe(Code.CANCELLED);
  });
});

async function until(isReached: () => boolean): Promise<void> {
  while (!isReached()) await new Promise(setImmediate);
}
