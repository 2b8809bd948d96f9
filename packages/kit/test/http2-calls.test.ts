import { once } from "node:events";
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { createServer as createTcpServer } from "node:net";
import { deflateSync, gzipSync } from "node:zlib";
import { Metadata } from "@grpc/grpc-js";
import { describe, expect, test } from "@jest/globals";
import { createChannel, createClient } from "../src/client-index.ts";
import { connectionOf, internalsOf } from "../src/grpc-js-internals.ts";
import { Code, RpcError } from "../src/index.ts";
import {
  callAny,
  failureOf,
  frame,
  gather,
  handlersOf,
  idsOf,
  message,
  methods,
  startEcho,
  streamingMethods,
} from "./echo-server.ts";
import { echoWith } from "./policy.ts";
import {
  answer,
  compressed,
  definition,
  done,
  ok,
  type OnStream,
  plain,
  retry,
  startPeer,
} from "./raw-peer.ts";

test("what is sent is what the kit says, and not grpc-js", async () => {
  const received: IncomingHttpHeaders[] = [];
  const onStream: OnStream = (stream, headers) => {
    received.push({ ...headers });
    answer(stream, [frame(message("1"))]);
  };
  for (const calls of ["http2", "grpc-js"] as const) {
    await using peer = await startPeer(onStream, { calls });
    const metadata = new Metadata();
    metadata.add("key", "1");
    metadata.add("key", "2");
    metadata.set("key-bin", Buffer.of(1, 255));
    metadata.set("user-agent", "another");
    await peer.client.echo({}, { metadata, timeoutMs: 60_000 });
  }
  const [own = {}, grpcJs = {}] = received;
  // Nothing else tells whose call it is: this one header only grpc-js sends.
  expect(grpcJs["accept-encoding"]).toBe("identity");
  const { "accept-encoding": _, "grpc-timeout": timeout, ":authority": host, ...rest } = grpcJs;
  expect(own["accept-encoding"]).toBeUndefined();
  expect(own).toMatchObject({
    ...rest,
    "grpc-timeout": expect.stringMatching(/^(60000|59\d\d\d)m$/),
    ":authority": expect.stringMatching(/^127\.0\.0\.1:\d+$/),
  });
  expect(Object.keys(own)).toHaveLength(Object.keys(grpcJs).length - 1);
  expect([timeout, host]).toEqual([expect.any(String), expect.any(String)]);
  expect(own).toMatchObject({ key: "1, 2", "key-bin": "Af8=" });
});

describe.each([
  ["gzip", gzipSync],
  ["deflate", deflateSync],
] as const)("answers that are compressed by %s", (encoding, compress) => {
  const headers = { ...ok, "grpc-encoding": encoding };
  const body = (id: string, data = ""): Buffer =>
    compressed(compress(frame(message(id, data)).subarray(5)));

  test("are read, in order, among others that are not", async () => {
    await using peer = await startPeer((stream) => {
      const all = [body("1"), frame(message("2")), body("3"), body("4"), frame(message("5"))];
      answer(stream, [Buffer.concat(all)], done, headers);
    });
    const expected = ["1", "2", "3", "4", "5"];
    expect(await callAny(peer.client, "expand")).toEqual(expected);
    expect(await callAny(peer.client, "chat")).toEqual(expected);
  });

  test("are read where there is one", async () => {
    await using peer = await startPeer((stream) => {
      answer(stream, [body("1")], done, headers);
    });
    expect(await callAny(peer.client, "echo")).toEqual(["1"]);
    expect(await callAny(peer.client, "collect")).toEqual(["1"]);
  });

  test("are no larger than any other may be", async () => {
    await using peer = await startPeer(
      (stream) => {
        answer(stream, [body("1", "x".repeat(100_000))], done, headers);
      },
      { maxReceiveMessageBytes: 10_000 },
    );
    for (const method of methods) {
      const error = await failureOf(callAny(peer.client, method));
      expect(error).toMatchObject({
        code: Code.RESOURCE_EXHAUSTED,
        text: "Received message that decompresses to a size larger than 10000",
      });
    }
  });

  test("fail the call where they are not what they say", async () => {
    await using peer = await startPeer((stream) => {
      answer(stream, [compressed(Buffer.from("no such thing"))], done, headers);
    });
    for (const method of methods) {
      expect((await failureOf(callAny(peer.client, method))).code).toBe(Code.INTERNAL);
    }
  });
});

test("a message that is called compressed, and nothing says how, fails the call", async () => {
  await using peer = await startPeer((stream) => {
    answer(stream, [compressed(gzipSync(Buffer.of()))]);
  });
  for (const method of methods) {
    expect(await failureOf(callAny(peer.client, method))).toMatchObject({
      code: Code.INTERNAL,
      text: "the answer is compressed in a way that the client does not know",
    });
  }
});

test.each(streamingMethods)("%s gives all answers before the error behind them", async (method) => {
  const count = 1_000;
  await using peer = await startPeer((stream) => {
    const all = Array.from({ length: count }, (_, id) => frame(message(String(id))));
    answer(stream, [Buffer.concat(all)], { "grpc-status": "10", "grpc-message": "100%25 done" });
  });
  const got: string[] = [];
  const read = async (): Promise<void> => {
    const stream =
      method === "expand" ? peer.client.expand({}) : peer.client.chat([message("request")]);
    for await (const { requestId } of stream) {
      got.push(requestId);
      // Slower than they come.
      if (got.length % 10 === 0) await new Promise(setImmediate);
    }
  };
  expect(await failureOf(read())).toMatchObject({ code: Code.ABORTED, text: "100% done" });
  expect(got).toEqual(Array.from({ length: count }, (_, id) => String(id)));
});

test("an answer may come byte by byte", async () => {
  await using peer = await startPeer((stream) => {
    stream.once("wantTrailers", () => {
      stream.sendTrailers(done);
    });
    stream.respond(ok, { waitForTrailers: true });
    const bytes = Buffer.concat([frame(message("1")), frame(message("")), frame(message("3"))]);
    const send = (at: number): void => {
      if (at === bytes.length) stream.end();
      else stream.write(bytes.subarray(at, at + 1), () => void setImmediate(send, at + 1));
    };
    send(0);
    stream.resume();
  });
  expect(await callAny(peer.client, "expand")).toEqual(["1", "", "3"]);
});

describe.each(methods)("%s", (method) => {
  test("is sent again, whatever its contract says, where a server has refused it", async () => {
    const requests: Buffer[] = [];
    let attempts = 0;
    const onStream: OnStream = (stream, headers) => {
      attempts += 1;
      if (attempts === 1) {
        stream.close(constants.NGHTTP2_REFUSED_STREAM);
        return;
      }
      // That it was refused does not count.
      expect(headers["grpc-previous-rpc-attempts"]).toBeUndefined();
      stream.on("data", (data: Buffer) => requests.push(data));
      stream.on("end", () => {
        answer(stream, [frame(message("1"))]);
      });
    };
    await using peer = await startPeer(onStream, { services: [definition] });
    expect(await callAny(peer.client, method)).toEqual(["1"]);
    expect(attempts).toBe(2);
    expect(Buffer.concat(requests)).toEqual(frame(message("request")));
  });

  test("is tried again when the server says", async () => {
    let attempts = 0;
    await using peer = await startPeer((stream) => {
      attempts += 1;
      if (attempts === 3) {
        answer(stream, [frame(message("1"))]);
        return;
      }
      const pushback = { "grpc-status": 14, "grpc-retry-pushback-ms": "1" };
      stream.respond({ ...ok, ...pushback }, { endStream: true });
    });
    expect(await callAny(peer.client, method)).toEqual(["1"]);
    expect(attempts).toBe(3);
  });

  test.each(["-1", "never"])("is not tried again where the server says %s", async (pushback) => {
    let attempts = 0;
    await using peer = await startPeer((stream) => {
      attempts += 1;
      stream.respond(
        { ...ok, "grpc-status": 14, "grpc-retry-pushback-ms": pushback },
        { endStream: true },
      );
    });
    expect((await failureOf(callAny(peer.client, method))).code).toBe(Code.UNAVAILABLE);
    expect(attempts).toBe(1);
  });

  test("ends at its deadline, and is not tried again, while it waits for another attempt", async () => {
    let attempts = 0;
    await using peer = await startPeer((stream) => {
      attempts += 1;
      stream.respond({ ...ok, "grpc-status": 14 }, { endStream: true });
    });
    // Until one has been long enough for a slow machine.
    let timeoutMs = 50;
    await until(async () => {
      timeoutMs *= 2;
      const error = await failureOf(callAny(peer.client, method, { timeoutMs }));
      expect(error.code).toBe(Code.DEADLINE_EXCEEDED);
      return attempts > 0;
    });
    expect(attempts).toBe(1);
  });

  test("is cancelled while it waits for another attempt", async () => {
    const tried = Promise.withResolvers<void>();
    await using peer = await startPeer((stream) => {
      stream.respond({ ...ok, "grpc-status": 14 }, { endStream: true });
      stream.once("close", tried.resolve);
    });
    const controller = new AbortController();
    const call = failureOf(callAny(peer.client, method, { signal: controller.signal }));
    await tried.promise;
    controller.abort();
    expect((await call).code).toBe(Code.CANCELLED);
  });

  test("fails with UNAVAILABLE where the connection breaks under it", async () => {
    await using peer = await startPeer((stream) => {
      stream.session?.destroy();
    });
    const channel = createChannel({
      target: peer.target,
      calls: "http2",
    });
    const error = await failureOf(callAny(createClient(plain, { channel }), method));
    expect(error.code).toBe(Code.UNAVAILABLE);
    channel.close();
  });

  test.each(["before", "after"])(
    "is tried again where the connection breaks %s the header has come",
    async (when) => {
      const soon = echoWith({
        idempotency: "IDEMPOTENT",
        service: { retry: { ...retry, initialBackoffMs: 1, maxBackoffMs: 1 } },
      });
      const calls = 20;
      const streams: ServerHttp2Stream[] = [];
      await using peer = await startPeer((stream) => {
        streams.push(stream);
        if (streams.length > calls) {
          answer(stream, [frame(message("1"))]);
          return;
        }
        if (when === "after") stream.respond(ok);
        // The headers have been sent by then.
        if (streams.length === calls) setTimeout(() => peer.sockets[0]?.destroy(), 20);
      });
      const channel = createChannel({ target: peer.target, services: [soon], calls: "http2" });
      const client = createClient(soon, { channel });
      const all = Array.from({ length: calls }, () =>
        callAny(client, method).catch((error: unknown) =>
          error instanceof RpcError ? error.code : error,
        ),
      );
      // By then, the requests of a stream are gone.
      const isGone = when === "after" && (method === "collect" || method === "chat");
      const outcome = isGone ? Code.UNAVAILABLE : ["1"];
      expect(await Promise.all(all)).toEqual(all.map(() => outcome));
      channel.close();
    },
  );

  test("is finished on a connection that is being closed, and the next goes to another", async () => {
    const streams: ServerHttp2Stream[] = [];
    const opened = Promise.withResolvers<void>();
    await using peer = await startPeer((stream) => {
      streams.push(stream);
      if (streams.length === 1) opened.resolve();
      else answer(stream, [frame(message("2"))]);
    });
    const first = callAny(peer.client, method);
    await opened.promise;
    const [stream] = streams;
    const [session] = peer.sessions;
    if (stream === undefined || session === undefined) throw new Error("nothing was opened");
    session.goaway(constants.NGHTTP2_NO_ERROR, stream.id ?? 0);
    await until(async () => {
      await callAny(peer.client, method);
      return peer.sessions.length > 1;
    });
    answer(stream, [frame(message("1"))]);
    expect(await first).toEqual(["1"]);
  });

  test("fails where it has more bytes than are sent", async () => {
    await using echo = await startEcho(
      handlersOf(async function* () {
        yield message("1");
      }),
      { channel: { maxSendMessageBytes: 1_000, calls: "http2" } },
    );
    const request = message("large", "x".repeat(2_000));
    expect(await failureOf(callAny(echo.client, method, {}, request))).toMatchObject({
      code: Code.RESOURCE_EXHAUSTED,
      text: "Attempted to send message with a size larger than 1000",
    });
    expect(await callAny(echo.client, method)).toEqual(["1"]);
  });

  test("fails where an answer has more bytes than are accepted", async () => {
    await using echo = await startEcho(
      handlersOf(async function* () {
        yield message("large", "x".repeat(2_000));
      }),
      { channel: { maxReceiveMessageBytes: 1_000, calls: "http2" } },
    );
    expect((await failureOf(callAny(echo.client, method))).code).toBe(Code.RESOURCE_EXHAUSTED);
  });

  test("waits for a server where its metadata say so", async () => {
    const port = await freePort();
    const channel = createChannel({ target: `127.0.0.1:${port}`, calls: "http2" });
    const metadata = new Metadata({ waitForReady: true });
    const call = callAny(createClient(plain, { channel }), method, { metadata });
    // Without, it does not.
    expect((await failureOf(callAny(createClient(plain, { channel }), method))).code).toBe(
      Code.UNAVAILABLE,
    );
    await using echo = await startEcho(
      handlersOf(async function* () {
        yield message("1");
      }),
      { port },
    );
    expect(echo.server.port).toBe(port);
    expect(await call).toEqual(["1"]);
    channel.close();
  });
});

test("a channel does not go idle under a call", async () => {
  const release = Promise.withResolvers<void>();
  await using peer = await startPeer(
    (stream) => {
      void release.promise.then(() => {
        answer(stream, [frame(message("1"))]);
      });
    },
    { channelOptions: { "grpc.client_idle_timeout_ms": 1_000 } },
  );
  const call = callAny(peer.client, "echo", { timeoutMs: 60_000 });
  setTimeout(release.resolve, 2_500);
  expect(await call).toEqual(["1"]);
  expect(peer.sessions[0]?.closed).toBe(false);
});

test("requests that wait for a connection are held back, and all are sent", async () => {
  const port = await freePort();
  const channel = createChannel({ target: `127.0.0.1:${port}`, calls: "http2" });
  const client = createClient(plain, { channel });
  let produced = 0;
  const total = 200;
  const requests = function* () {
    for (; produced < total; produced += 1) yield message(String(produced), "x".repeat(10_000));
  };
  const metadata = new Metadata({ waitForReady: true });
  const call = gather(client.chat(requests(), { metadata }));
  await failureOf(client.echo({}));
  expect(produced).toBeGreaterThan(0);
  expect(produced).toBeLessThan(20);
  await using echo = await startEcho(
    {
      async *chat(all) {
        for await (const { requestId } of all) yield message(requestId);
      },
    },
    { port },
  );
  expect((await call).map(({ requestId }) => requestId)).toEqual(
    Array.from({ length: total }, (_, id) => String(id)),
  );
  expect(echo.log.filter(({ level }) => level >= 40)).toEqual([]);
  channel.close();
});

test.each(["collect", "chat"] as const)(
  "%s leaves requests that never end, nor wait, when the connection breaks",
  async (method) => {
    await using peer = await startPeer((stream) => {
      stream.once("data", () => stream.session?.destroy());
    });
    let left = false;
    const requests = function* () {
      try {
        for (;;) yield message("more", "x".repeat(100));
      } finally {
        left = true;
      }
    };
    const client = createClient(plain, { channel: peer.channel });
    const call =
      method === "collect" ? client.collect(requests()) : gather(client.chat(requests()));
    expect((await failureOf(call)).code).toBe(Code.UNAVAILABLE);
    expect(left).toBe(true);
  },
);

test("a channel goes over to grpc-js's calls where its connections are not what they are taken for", async () => {
  const own: boolean[] = [];
  await using peer = await startPeer((stream, headers) => {
    own.push(headers["accept-encoding"] === undefined);
    answer(stream, [frame(message("1"))]);
  });
  const client = createClient(plain, { channel: peer.channel });
  await client.echo({});
  const picked = internalsOf(peer.channel)?.doPick(new Metadata(), {});
  const connection = connectionOf(picked?.subchannel?.getRealSubchannel() ?? {});
  // As another version of grpc-js may have it.
  Reflect.deleteProperty(connection ?? {}, "userAgent");
  expect((await failureOf(client.echo({}))).code).toBe(Code.UNAVAILABLE);
  for (const method of methods) expect(await callAny(client, method)).toEqual(["1"]);
  expect(own).toEqual([true, false, false, false, false]);
});

test("calls go on while their connections are closed again and again", async () => {
  const own: boolean[] = [];
  const streams = new Map<unknown, number>();
  await using peer = await startPeer((stream, headers) => {
    own.push(headers["accept-encoding"] === undefined);
    const count = (streams.get(stream.session) ?? 0) + 1;
    streams.set(stream.session, count);
    // As a server does whose connections have an age.
    if (count === 10) stream.session?.close();
    answer(stream, [frame(message("1"))]);
  });
  const client = createClient(plain, { channel: peer.channel });
  let left = 500;
  const caller = async (): Promise<void> => {
    for (; left > 0; left -= 1) expect(await callAny(client, "echo")).toEqual(["1"]);
  };
  await Promise.all(Array.from({ length: 20 }, caller));
  expect(peer.sessions.length).toBeGreaterThan(10);
  expect(new Set(own)).toEqual(new Set([true]));
});

test("a connection that is lost after its server has announced its end is lost all the same", async () => {
  await using peer = await startPeer((stream) => {
    stream.respond(ok);
    const { session } = stream;
    session?.goaway(constants.NGHTTP2_NO_ERROR);
    // Its answer says that the client has read that.
    session?.ping(() => {
      // Node.js then closes the client's stream with NO_ERROR, as if the server had ended it without a status.
      for (const socket of peer.sockets) socket.resetAndDestroy();
    });
  });
  const client = createClient(plain, { channel: peer.channel });
  const error = await failureOf(gather(client.expand({})));
  expect([error.code, error.text]).toEqual([Code.UNAVAILABLE, "Connection dropped"]);
});

test("with several connections, calls take turns on them", async () => {
  const used = new Set<unknown>();
  await using peer = await startPeer(
    (stream) => {
      used.add(stream.session);
      answer(stream, [frame(message("1"))]);
    },
    { connections: 3 },
  );
  for (let call = 0; call < 6; call += 1) await callAny(peer.client, "echo");
  expect(used.size).toBe(3);
});

test("a call that waits for a connection ends when its channel is closed", async () => {
  const channel = createChannel({ target: `127.0.0.1:${await freePort()}`, calls: "http2" });
  const client = createClient(plain, { channel });
  const metadata = new Metadata({ waitForReady: true });
  const calls = methods.map((method) => failureOf(callAny(client, method, { metadata })));
  const controller = new AbortController();
  const { signal } = controller;
  const cancelled = failureOf(client.echo({}, { metadata, signal }));
  // By then it is known that there is no server.
  await failureOf(client.echo({}));
  channel.close();
  controller.abort();
  for (const error of await Promise.all(calls)) {
    expect(error).toMatchObject({
      code: Code.UNAVAILABLE,
      text: "Channel closed before call started",
    });
  }
  expect((await cancelled).code).toBe(Code.CANCELLED);
});

test("a call on a channel that is closed under it goes on", async () => {
  const opened = Promise.withResolvers<ServerHttp2Stream>();
  await using peer = await startPeer((stream) => {
    opened.resolve(stream);
  });
  const channel = createChannel({ target: peer.target, calls: "http2" });
  const call = idsOf(createClient(plain, { channel }).expand({}));
  const stream = await opened.promise;
  channel.close();
  answer(stream, [frame(message("1")), frame(message("2"))]);
  expect(await call).toEqual(["1", "2"]);
});

async function until(reached: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1_000; tries += 1) if (await reached()) return;
  throw new Error("it never came");
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createTcpServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  server.close();
  await once(server, "close");
  return port;
}
