import { describe, expect, test } from "@jest/globals";
import { Metadata } from "@grpc/grpc-js";
import { createClient } from "../src/client-index.ts";
import { Code, createLogger, implement, RpcError, serve } from "../src/index.ts";
import { createChannel } from "./create-channel.ts";
import { CodedDefinition, EchoDefinition } from "./echo.ts";
import {
  abortion,
  callAny,
  failureOf,
  gather,
  handlersOf,
  idsOf,
  message,
  methods,
  nothing,
  startEcho,
  streamingMethods,
} from "./echo-server.ts";

const answering = handlersOf(async function* (requests) {
  for await (const { requestId } of requests) yield message(`re: ${requestId}`);
});

describe.each(methods)("%s", (method) => {
  test("carries a request there and an answer back", async () => {
    await using echo = await startEcho(answering);
    expect(await callAny(echo.client, method, {}, message("é 漢 🎉"))).toEqual(["re: é 漢 🎉"]);
  });

  test("carries a request of no bytes at all", async () => {
    await using echo = await startEcho(
      handlersOf(async function* (requests) {
        for await (const request of requests) yield request;
      }),
    );
    expect(await callAny(echo.client, method, {}, message(""))).toEqual([""]);
  });

  test("fails with the status that the handler throws before an answer", async () => {
    await using echo = await startEcho(
      handlersOf(() => {
        throw new RpcError(Code.NOT_FOUND, "no such thing");
      }),
    );
    const error = await failureOf(callAny(echo.client, method));
    expect(error).toMatchObject({
      name: "RpcError",
      code: Code.NOT_FOUND,
      text: "no such thing",
      message: "NOT_FOUND: no such thing",
      details: [],
      violations: [],
      reason: undefined,
    });
  });

  test("carries metadata both ways", async () => {
    const bytes = Buffer.from([0, 1, 254, 255]);
    await using echo = await startEcho(
      handlersOf(async function* (_requests, call) {
        call.header.set("header", `re: ${call.metadata.get("ask").join()}`);
        call.header.set("header-bin", call.metadata.get("ask-bin")[0] ?? Buffer.of());
        call.trailer.set("trailer", "last");
        yield message("answer");
        call.trailer.set("trailer-bin", bytes);
      }),
    );
    const metadata = new Metadata();
    metadata.set("ask", "something");
    metadata.set("ask-bin", bytes);
    const headers: Metadata[] = [];
    const trailers: Metadata[] = [];
    await callAny(echo.client, method, {
      metadata,
      onHeader: (header) => void headers.push(header),
      onTrailer: (trailer) => void trailers.push(trailer),
    });
    expect(headers.map((header) => header.get("header"))).toEqual([["re: something"]]);
    expect(headers.map((header) => header.get("header-bin"))).toEqual([[bytes]]);
    expect(trailers.map((trailer) => trailer.get("trailer"))).toEqual([["last"]]);
    // The generator of a method that answers once is left at its first answer.
    const rest = method === "expand" || method === "chat" ? [bytes] : [];
    expect(trailers.map((trailer) => trailer.get("trailer-bin"))).toEqual([rest]);
    expect(metadata.toJSON()).toEqual({ ask: ["something"], "ask-bin": [bytes] });
  });

  test("carries the trailers of the call and of the error along with a failure", async () => {
    await using echo = await startEcho(
      handlersOf((_requests, call) => {
        call.trailer.set("of-the-call", "1");
        const metadata = new Metadata();
        metadata.set("of-the-error", "2");
        throw new RpcError(Code.ABORTED, "again, please", { metadata });
      }),
    );
    const trailers: Metadata[] = [];
    const error = await failureOf(
      callAny(echo.client, method, { onTrailer: (trailer) => void trailers.push(trailer) }),
    );
    expect(error.code).toBe(Code.ABORTED);
    expect(trailers.map((trailer) => trailer.getMap())).toMatchObject([
      { "of-the-call": "1", "of-the-error": "2" },
    ]);
    expect(error.metadata?.getMap()).toMatchObject({ "of-the-call": "1", "of-the-error": "2" });
  });

  test("tells the handler its path, the peer and that there is no deadline", async () => {
    await using echo = await startEcho(
      handlersOf(async function* (_requests, { path, peer, deadline }) {
        yield message(JSON.stringify({ path, peer, deadline: String(deadline) }));
      }),
    );
    const [answer] = await callAny(echo.client, method, { timeoutMs: Infinity });
    expect(JSON.parse(String(answer))).toEqual({
      path: `/org.kit.test.v1.EchoService/${EchoDefinition.methods[method].name}`,
      peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      deadline: "undefined",
    });
  });

  test("answers by an alias, and knows itself by its own path", async () => {
    await using echo = await startEcho(
      handlersOf(async function* (_requests, { path }) {
        yield message(path);
      }),
      { aliases: ["echo.Old", "echo.Older"] },
    );
    const { channel } = echo;
    const path = `/org.kit.test.v1.EchoService/${EchoDefinition.methods[method].name}`;
    for (const serviceName of ["echo.Old", "echo.Older"]) {
      const client = createClient(EchoDefinition, { channel, serviceName });
      expect(await callAny(client, method)).toEqual([path]);
    }
    const stranger = createClient(EchoDefinition, { channel, serviceName: "echo.Unknown" });
    const error = await failureOf(callAny(stranger, method));
    expect(error.code).toBe(Code.UNIMPLEMENTED);
  });

  test("fails with an RpcError when nobody listens", async () => {
    const channel = createChannel({ target: "127.0.0.1:1" });
    const client = createClient(EchoDefinition, { channel });
    const error = await failureOf(callAny(client, method));
    expect(error.code).toBe(Code.UNAVAILABLE);
    channel.close();
  });

  test("fails with an RpcError on a channel that is closed", async () => {
    await using echo = await startEcho(answering);
    echo.channel.close();
    const error = await failureOf(callAny(echo.client, method));
    expect(error).toMatchObject({ code: Code.CANCELLED, text: "the channel is closed" });
  });
});

describe.each(streamingMethods)("%s, answering with many messages", (method) => {
  test("fails with the status that the handler throws after some answers", async () => {
    await using echo = await startEcho(
      handlersOf(async function* () {
        yield message("1");
        yield message("2");
        throw new RpcError(Code.DATA_LOSS, "the rest is gone");
      }),
    );
    const got: string[] = [];
    const reading = async (): Promise<void> => {
      const answers =
        method === "expand" ? echo.client.expand({}) : echo.client.chat([message("request")]);
      for await (const { requestId } of answers) got.push(requestId);
    };
    const error = await failureOf(reading());
    expect(error).toMatchObject({ code: Code.DATA_LOSS, text: "the rest is gone" });
    expect(got).toEqual(["1", "2"]);
  });

  test("answers with nothing", async () => {
    await using echo = await startEcho(handlersOf(nothing));
    expect(await callAny(echo.client, method)).toEqual([]);
  });

  test("answers with many, in order", async () => {
    const ids = Array.from({ length: 2_000 }, (_, index) => String(index));
    await using echo = await startEcho(
      handlersOf(async function* () {
        for (const id of ids) yield message(id);
      }),
    );
    expect(await callAny(echo.client, method)).toEqual(ids);
  });
});

test("a handler that does not wait is answered, too", async () => {
  await using echo = await startEcho({
    echo: ({ requestId }) => message(`re: ${requestId}`),
    collect: () => message("collected"),
  });
  expect(await callAny(echo.client, "echo")).toEqual(["re: request"]);
  expect(await callAny(echo.client, "collect")).toEqual(["collected"]);
});

test("a handler that throws instead of returning a promise or a stream fails the call", async () => {
  const throws = (): never => {
    throw new RpcError(Code.FAILED_PRECONDITION, "at once");
  };
  await using echo = await startEcho({
    echo: throws,
    expand: throws,
    collect: throws,
    chat: throws,
  });
  for (const method of methods) {
    const error = await failureOf(callAny(echo.client, method));
    expect(error).toMatchObject({ code: Code.FAILED_PRECONDITION, text: "at once" });
  }
});

test("requests may come from any iterable", async () => {
  await using echo = await startEcho({
    async collect(requests) {
      return message((await idsOf(requests)).join());
    },
  });
  const { client } = echo;
  const one = message("1");
  const two = message("2");
  expect(await client.collect([])).toEqual(message(""));
  expect(await client.collect([one, two])).toEqual(message("1,2"));
  expect(await client.collect(new Set([one, two]))).toEqual(message("1,2"));
  expect(await client.collect(new Map([["key", one]]).values())).toEqual(message("1"));
  const generated = async function* () {
    yield one;
    await Promise.resolve();
    yield two;
  };
  expect(await client.collect(generated())).toEqual(message("1,2"));
});

test("an iterable whose promises are not of this realm is waited for", async () => {
  await using echo = await startEcho({
    async collect(requests) {
      return message((await idsOf(requests)).join());
    },
  });
  // Node's own streams, which jest does not load anew: their promises are no `Promise` here.
  const { Readable } = await import("node:stream");
  const source = Readable.from([message("1"), message("2")]);
  expect(source[Symbol.asyncIterator]().next()).not.toBeInstanceOf(Promise);
  const again: AsyncIterable<ReturnType<typeof message>> = Readable.from([
    message("1"),
    message("2"),
  ]);
  expect(await echo.client.collect(again)).toEqual(message("1,2"));
});

test("a handler may answer with a promise that is not of this realm", async () => {
  const { setImmediate: immediate } = await import("node:timers/promises");
  expect(immediate()).not.toBeInstanceOf(Promise);
  await using echo = await startEcho({
    echo: () => immediate(message("later")),
    collect: () => immediate(message("later")),
  });
  expect(await callAny(echo.client, "echo")).toEqual(["later"]);
  expect(await callAny(echo.client, "collect")).toEqual(["later"]);
});

test("answers flow while requests still come", async () => {
  await using echo = await startEcho({
    async *chat(requests) {
      for await (const { requestId } of requests) yield message(`re: ${requestId}`);
    },
  });
  // The client sends each request only once it has the answer to the one before.
  const rounds = 100;
  let answered = Promise.withResolvers<void>();
  const requests = async function* () {
    for (let round = 0; round < rounds; round += 1) {
      answered = Promise.withResolvers();
      yield message(String(round));
      await answered.promise;
    }
  };
  const got: string[] = [];
  for await (const { requestId } of echo.client.chat(requests())) {
    got.push(requestId);
    answered.resolve();
  }
  expect(got).toEqual(Array.from({ length: rounds }, (_, round) => `re: ${round}`));
});

test("answers may come before the first request", async () => {
  await using echo = await startEcho({
    async *chat(requests) {
      yield message("greeting");
      yield* requests;
    },
  });
  const greeted = Promise.withResolvers<void>();
  const requests = async function* () {
    await greeted.promise;
    yield message("reply");
  };
  const got: string[] = [];
  for await (const { requestId } of echo.client.chat(requests())) {
    got.push(requestId);
    greeted.resolve();
  }
  expect(got).toEqual(["greeting", "reply"]);
});

test("an answer that comes before the requests' end stops them", async () => {
  await using echo = await startEcho({
    async collect(requests) {
      for await (const { requestId } of requests) return message(`enough: ${requestId}`);
      return message("none");
    },
    async *chat(requests) {
      for await (const { requestId } of requests) {
        yield message(`enough: ${requestId}`);
        return;
      }
    },
  });
  for (const call of ["collect", "chat"] as const) {
    const stopped = Promise.withResolvers<void>();
    const endless = async function* () {
      try {
        for (;;) {
          yield message("more");
          await new Promise(setImmediate);
        }
      } finally {
        stopped.resolve();
      }
    };
    const answer =
      call === "collect"
        ? [(await echo.client.collect(endless())).requestId]
        : await idsOf(echo.client.chat(endless()));
    expect(answer).toEqual(["enough: more"]);
    await stopped.promise;
  }
});

test("an answer that comes while requests pour in is not taken for an error", async () => {
  await using echo = await startEcho({
    collect: () => message("enough"),
    async *chat() {
      yield message("enough");
    },
  });
  let stopped = 0;
  const endless = function* () {
    try {
      for (;;) yield message("more");
    } finally {
      stopped += 1;
    }
  };
  for (let round = 0; round < 10; round += 1) {
    expect(await echo.client.collect(endless())).toEqual(message("enough"));
    expect(await idsOf(echo.client.chat(endless()))).toEqual(["enough"]);
  }
  expect(stopped).toBe(20);
});

test("a request that cannot be encoded fails the call and ends its source", async () => {
  await using echo = await startEcho({});
  const client = createClient(CodedDefinition, { channel: echo.channel });
  const wrong = { code: "two" };
  let ended = 0;
  const source = function* () {
    try {
      yield { code: 1 };
      yield wrong;
      yield { code: 3 };
    } finally {
      ended += 1;
    }
  };
  // @ts-expect-error must not compile: a text is no number
  await expect(client.echo(wrong)).rejects.toThrow("invalid int32");
  // @ts-expect-error must not compile: a text is no number
  await expect(gather(client.expand(wrong))).rejects.toThrow("invalid int32");
  // @ts-expect-error must not compile: a text is no number
  await expect(client.collect(source())).rejects.toThrow("invalid int32");
  // @ts-expect-error must not compile: a text is no number
  await expect(gather(client.chat(source()))).rejects.toThrow("invalid int32");
  expect(ended).toBe(2);
  expect((await failureOf(callAny(echo.client, "echo"))).code).toBe(Code.UNIMPLEMENTED);
});

test("what the source of the requests throws is what the call fails with", async () => {
  const received = { collect: Promise.withResolvers(), chat: Promise.withResolvers() };
  const signals: AbortSignal[] = [];
  await using echo = await startEcho({
    async collect(requests, call) {
      signals.push(call.signal);
      for await (const request of requests) received.collect.resolve(request);
      return message("the end");
    },
    async *chat(requests, call) {
      signals.push(call.signal);
      for await (const request of requests) {
        received.chat.resolve(request);
        yield request;
      }
    },
  });
  const failure = new Error("the source is dry");
  const source = async function* (once: Promise<unknown>) {
    yield message("1");
    await once;
    throw failure;
  };
  const { collect, chat } = received;
  await expect(echo.client.collect(source(collect.promise))).rejects.toBe(failure);
  await expect(idsOf(echo.client.chat(source(chat.promise)))).rejects.toBe(failure);
  const reasons = await Promise.all(signals.map(abortion));
  expect(reasons).toMatchObject([{ code: Code.CANCELLED }, { code: Code.CANCELLED }]);
});

test("two handlers for one path are refused", async () => {
  const logger = createLogger({ name: "test", level: "silent" });
  const service = implement(EchoDefinition, answering);
  await expect(serve({ services: [service, service], signals: false, logger })).rejects.toThrow(
    "/org.kit.test.v1.EchoService/Echo is answered by two services",
  );
  const other = implement({ ...EchoDefinition, fullName: "other.Service" }, answering, {
    aliases: ["org.kit.test.v1.EchoService"],
  });
  await expect(serve({ services: [service, other], signals: false, logger })).rejects.toThrow(
    "/org.kit.test.v1.EchoService/Echo is answered by two services",
  );
  const reflected = implement(
    { ...EchoDefinition, fullName: "grpc.reflection.v1.ServerReflection" },
    answering,
  );
  const server = await serve({ services: [reflected], signals: false, logger });
  await server.close();
});

test("a method without a handler is refused when the server starts", async () => {
  const { expand, collect, chat } = answering;
  const some = { expand, collect, chat };
  // @ts-expect-error must not compile: echo is missing
  const service = implement(EchoDefinition, some);
  await expect(
    serve({
      services: [service],
      signals: false,
      logger: createLogger({ name: "test", level: "silent" }),
    }),
  ).rejects.toThrow("org.kit.test.v1.EchoService has no handler echo");
});

test("handlers may be the methods of an object with state", async () => {
  const stateful = {
    ...answering,
    count: 0,
    echo() {
      this.count += 1;
      return message(String(this.count));
    },
  };
  await using echo = await startEcho({});
  const service = implement({ ...EchoDefinition, fullName: "stateful.Service" }, stateful);
  const server = await serve({
    services: [service],
    signals: false,
    logger: createLogger({ name: "test", level: "silent" }),
  });
  const channel = createChannel({ target: server.target });
  const client = createClient(EchoDefinition, { channel, serviceName: "stateful.Service" });
  expect(await client.echo({})).toEqual(message("1"));
  expect(await client.echo({})).toEqual(message("2"));
  channel.close();
  await server.close();
  expect(echo.server.port).not.toBe(server.port);
});
