import { getEventListeners } from "node:events";
import { connect, constants } from "node:http2";
import { describe, expect, test } from "@jest/globals";
import { Code, RpcError } from "../src/index.ts";
import { EchoDefinition } from "./echo.ts";
import {
  abortion,
  callAny,
  type EchoClient,
  failureOf,
  frame,
  handlersOf,
  idsOf,
  message,
  methods,
  startEcho,
  streamingMethods,
} from "./echo-server.ts";

/** Handlers that wait until they are told to stop, and what becomes of them. */
function waiting() {
  const started = Promise.withResolvers<AbortSignal>();
  const left = Promise.withResolvers<string>();
  const handlers = handlersOf(async function* (_requests, { signal }) {
    started.resolve(signal);
    try {
      yield* [];
      throw await abortion(signal);
    } finally {
      left.resolve("left");
    }
  });
  return { handlers, started: started.promise, left: left.promise };
}

const cancelled = { name: "RpcError", code: Code.CANCELLED };

describe.each(methods)("%s", (method) => {
  test("a signal cancels the call on both sides", async () => {
    const { handlers, started, left } = waiting();
    await using echo = await startEcho(handlers);
    const controller = new AbortController();
    const call = failureOf(callAny(echo.client, method, { signal: controller.signal }));
    const signal = await started;
    expect(signal.aborted).toBe(false);

    const reason = new Error("changed my mind");
    controller.abort(reason);
    const error = await call;
    expect(error).toMatchObject({ ...cancelled, text: "the caller cancelled the call" });
    expect(error.cause).toBe(reason);
    const told = await abortion(signal);
    expect(told).toBeInstanceOf(RpcError);
    expect(told).toMatchObject({ ...cancelled, text: "the client cancelled the call" });
    expect(await left).toBe("left");
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  });

  test("a signal that is aborted already fails the call at once", async () => {
    let calls = 0;
    await using echo = await startEcho(
      handlersOf(async function* () {
        calls += 1;
        yield message("answer");
      }),
    );
    const signal = AbortSignal.abort("too late");
    const error = await failureOf(callAny(echo.client, method, { signal }));
    expect(error).toMatchObject({ ...cancelled, cause: "too late" });
    expect(await callAny(echo.client, method)).toEqual(["answer"]);
    expect(calls).toBe(1);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("a call that has ended leaves nothing on the caller's signal", async () => {
    await using echo = await startEcho(
      handlersOf(async function* (_requests, call) {
        if (call.metadata.get("fail").length > 0) throw new RpcError(Code.ABORTED, "failed");
        yield message("answer");
      }),
    );
    const { signal } = new AbortController();
    const calls = Array.from({ length: 50 }, () => callAny(echo.client, method, { signal }));
    expect(getEventListeners(signal, "abort")).toHaveLength(50);
    await Promise.all(calls);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("the handler's signal stays quiet when the call ends by itself", async () => {
    const signals: AbortSignal[] = [];
    await using echo = await startEcho(
      handlersOf(async function* (requests, { signal }) {
        signals.push(signal);
        for await (const { requestId } of requests) {
          if (requestId === "fail") throw new RpcError(Code.ABORTED, "failed");
          yield message("answer");
        }
      }),
    );
    await callAny(echo.client, method, { timeoutMs: 60_000 });
    await failureOf(callAny(echo.client, method, { timeoutMs: 60_000 }, message("fail")));
    // Once the server is closed, both calls are over on its side, too.
    await echo.server.close();
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
  });
});

describe.each(["collect", "chat"] as const)("%s, reading requests", (method) => {
  function reading() {
    const started = Promise.withResolvers<void>();
    const outcome = Promise.withResolvers<unknown>();
    const handlers = handlersOf(async function* (requests, call) {
      const ids: string[] = [];
      try {
        for await (const { requestId } of requests) {
          ids.push(requestId);
          started.resolve();
        }
        outcome.resolve(`complete: ${ids.join()}`);
      } catch (error) {
        // Asked for after the fact, the signal knows it all the same.
        const reason: unknown = call.signal.reason;
        outcome.resolve({ error, reason });
      }
      yield message("answer");
    });
    return { handlers, started: started.promise, outcome: outcome.promise };
  }

  function send(
    client: EchoClient,
    requests: AsyncIterable<{ requestId: string }>,
    signal: AbortSignal,
  ) {
    return method === "collect"
      ? client.collect(requests, { signal })
      : idsOf(client.chat(requests, { signal }));
  }

  test("a client that cancels half-way does not look as if it were done", async () => {
    const { handlers, started, outcome } = reading();
    await using echo = await startEcho(handlers);
    const controller = new AbortController();
    const sourceLeft = Promise.withResolvers<string>();
    const half = async function* () {
      try {
        yield message("1");
        await abortion(controller.signal);
        yield message("2");
      } finally {
        sourceLeft.resolve("left");
      }
    };
    const call = failureOf(send(echo.client, half(), controller.signal));
    await started;
    controller.abort();
    expect(await call).toMatchObject(cancelled);
    expect(await outcome).toMatchObject({ error: cancelled, reason: cancelled });
    expect(await sourceLeft.promise).toBe("left");
  });

  test("a connection that breaks half-way does not look like the end", async () => {
    const { handlers, started, outcome } = reading();
    await using echo = await startEcho(handlers);
    const session = connect(`http://${echo.server.target}`);
    const stream = session.request({
      ":method": "POST",
      ":path": `/${EchoDefinition.fullName}/${EchoDefinition.methods[method].name}`,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => undefined);
    stream.write(frame(message("1")));
    await started;
    session.destroy();
    expect(await outcome).toMatchObject({ error: cancelled, reason: cancelled });
  });

  test("a client that ends properly does look so", async () => {
    const { handlers, outcome } = reading();
    await using echo = await startEcho(handlers);
    const { signal } = new AbortController();
    const all = async function* () {
      yield message("1");
      yield message("2");
    };
    await send(echo.client, all(), signal);
    expect(await outcome).toBe("complete: 1,2");
  });

  test("a reader that is left behind by the answer is told that the call is over", async () => {
    const behind = Promise.withResolvers<unknown>();
    await using echo = await startEcho(
      handlersOf(async function* (requests) {
        void idsOf(requests).then(behind.resolve, behind.resolve);
        yield message("enough");
      }),
    );
    const { signal } = new AbortController();
    const done = Promise.withResolvers<void>();
    const endless = async function* () {
      yield message("1");
      await done.promise;
    };
    await send(echo.client, endless(), signal);
    expect(await behind.promise).toMatchObject({ ...cancelled, text: "the call is over" });
    done.resolve();
  });

  test("a handler may leave the loop over its requests", async () => {
    await using echo = await startEcho(
      handlersOf(async function* (requests) {
        for await (const { requestId } of requests) {
          if (requestId === "2") break;
        }
        yield message("seen enough");
      }),
    );
    const { signal } = new AbortController();
    const ten = async function* () {
      for (let id = 0; id < 10; id += 1) yield message(String(id));
    };
    const answer = await send(echo.client, ten(), signal);
    expect([answer].flat()).toEqual([
      method === "collect" ? message("seen enough") : "seen enough",
    ]);
  });
});

describe.each(streamingMethods)("%s, leaving the loop over the answers", (method) => {
  function answers(client: EchoClient, requests: () => AsyncIterable<{ requestId: string }>) {
    return method === "expand" ? client.expand({}) : client.chat(requests());
  }

  test.each(["break", "throw", "return()"])("by %s cancels the call", async (way) => {
    const told = Promise.withResolvers<unknown>();
    const left = Promise.withResolvers<string>();
    await using echo = await startEcho(
      handlersOf(async function* (_requests, { signal }) {
        void abortion(signal).then(told.resolve);
        try {
          yield message("1");
          for (let id = 2; !signal.aborted; id += 1) {
            yield message(String(id));
            await new Promise(setImmediate);
          }
        } finally {
          left.resolve("left");
        }
      }),
    );
    const sourceLeft = Promise.withResolvers<string>();
    const requests = async function* () {
      try {
        yield message("request");
        await told.promise;
      } finally {
        sourceLeft.resolve("left");
      }
    };
    const failure = new Error("the loop's own");
    const stream = answers(echo.client, requests);
    const got: string[] = [];
    const loop = async (): Promise<void> => {
      for await (const { requestId } of stream) {
        got.push(requestId);
        if (way === "break") break;
        if (way === "throw") throw failure;
        await stream.return?.();
      }
    };
    const thrown = await loop().catch((error: unknown) => error);
    expect(thrown).toBe(way === "throw" ? failure : undefined);
    expect(got).toEqual(["1"]);
    expect(await told.promise).toMatchObject(cancelled);
    expect(await left.promise).toBe("left");
    if (method === "expand") sourceLeft.resolve("left");
    expect(await sourceLeft.promise).toBe("left");
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  test("while nothing comes cancels the call", async () => {
    const { handlers, started, left } = waiting();
    await using echo = await startEcho(handlers);
    const stream = answers(echo.client, async function* () {
      yield message("request");
    });
    const next = stream.next();
    const signal = await started;
    await stream.return?.();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(await abortion(signal)).toMatchObject(cancelled);
    expect(await left).toBe("left");
  });
});

test.each(["resets the stream", "breaks the connection"])(
  "a handler that is held back by a client hears when that %s",
  async (how) => {
    const told = Promise.withResolvers<unknown>();
    const left = Promise.withResolvers<string>();
    const started = Promise.withResolvers<void>();
    let produced = 0;
    await using echo = await startEcho({
      async *expand(_request, { signal }) {
        void abortion(signal).then(told.resolve);
        try {
          for (;;) {
            produced += 1;
            started.resolve();
            yield message("answer", "x".repeat(100_000));
          }
        } finally {
          left.resolve("left");
        }
      },
    });
    const session = connect(`http://${echo.server.target}`);
    session.on("error", () => undefined);
    const stream = session.request({
      ":method": "POST",
      ":path": `/${EchoDefinition.fullName}/Expand`,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => undefined);
    stream.pause();
    stream.end(frame(message("request")));
    await started.promise;
    // Held back once it has produced nothing while another call went there and back.
    for (let before = 0; before !== produced; ) {
      before = produced;
      await failureOf(callAny(echo.client, "echo"));
    }
    if (how === "resets the stream") stream.close(constants.NGHTTP2_CANCEL);
    else session.destroy();
    expect(await told.promise).toMatchObject(cancelled);
    expect(await left.promise).toBe("left");
    session.destroy();
  },
);

test("many calls on one signal are cancelled together, without a warning", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on("warning", onWarning);
  const signals: AbortSignal[] = [];
  const allStarted = Promise.withResolvers<void>();
  await using echo = await startEcho({
    async *expand(_request, { signal }) {
      if (signals.push(signal) === 40) allStarted.resolve();
      yield* [];
      throw await abortion(signal);
    },
  });
  const controller = new AbortController();
  const calls = Array.from({ length: 40 }, () =>
    failureOf(idsOf(echo.client.expand({}, { signal: controller.signal }))),
  );
  await allStarted.promise;
  controller.abort();
  expect(await Promise.all(calls)).toMatchObject(calls.map(() => cancelled));
  await Promise.all(signals.map(abortion));
  await new Promise(setImmediate);
  process.off("warning", onWarning);
  expect(warnings).toEqual([]);
  expect(getEventListeners(controller.signal, "abort")).toEqual([]);
});
