import { type ClientHttp2Stream, connect } from "node:http2";
import { describe, expect, test } from "@jest/globals";
import { createClient, defaultTimeoutMs } from "../src/client-index.ts";
import { Code, RpcError } from "../src/index.ts";
import { EchoDefinition } from "./echo.ts";
import {
  abortion,
  callAny,
  failureOf,
  frame,
  handlersOf,
  idsOf,
  message,
  methods,
  startEcho,
} from "./echo-server.ts";

const exceeded = { name: "RpcError", code: Code.DEADLINE_EXCEEDED };

/** Timeouts, each longer than the one before, until one has been long enough for a slow machine. */
function* growing(enough: () => boolean): Iterable<number> {
  for (let timeoutMs = 50; !enough(); timeoutMs *= 2) yield timeoutMs;
}

/** Answers with how many milliseconds are left, or "none". */
const left = handlersOf(async function* (_requests, { deadline }) {
  yield message(deadline === undefined ? "none" : String(deadline.getTime() - Date.now()));
});

describe.each(methods)("%s", (method) => {
  test("a deadline that passes ends the call on both sides", async () => {
    const told = Promise.withResolvers<unknown>();
    const finished = Promise.withResolvers<string>();
    let reached = false;
    await using echo = await startEcho(
      handlersOf(async function* (_requests, { signal }) {
        reached = true;
        try {
          yield* [];
          told.resolve(await abortion(signal));
          throw signal.reason;
        } finally {
          finished.resolve("left");
        }
      }),
    );
    for (const timeoutMs of growing(() => reached)) {
      const error = await failureOf(callAny(echo.client, method, { timeoutMs }));
      expect(error).toMatchObject(exceeded);
    }
    const reason = await told.promise;
    expect(reason).toBeInstanceOf(RpcError);
    expect(reason).toMatchObject({ ...exceeded, text: "the deadline passed" });
    expect(await finished.promise).toBe("left");
  });

  test("the handler knows the deadline that the caller set", async () => {
    await using echo = await startEcho(left);
    const deadline = new Date(Date.now() + 60_000);
    for (const options of [{ timeoutMs: 60_000 }, { deadline }, { deadline, timeoutMs: 1 }]) {
      const [answer] = await callAny(echo.client, method, options);
      expect(Number(answer)).toBeGreaterThan(50_000);
      expect(Number(answer)).toBeLessThanOrEqual(60_000);
    }
  });

  test("a deadline in the past fails the call, and the handler does not run", async () => {
    let calls = 0;
    await using echo = await startEcho(
      handlersOf(async function* () {
        calls += 1;
        yield message("answer");
      }),
    );
    const { client } = echo;
    expect(await failureOf(callAny(client, method, { timeoutMs: 0 }))).toMatchObject(exceeded);
    expect(await failureOf(callAny(client, method, { timeoutMs: -1 }))).toMatchObject(exceeded);
    const deadline = new Date(0);
    expect(await failureOf(callAny(client, method, { deadline }))).toMatchObject(exceeded);
    // On a connection that is there already, too.
    await callAny(client, method);
    expect(await failureOf(callAny(client, method, { deadline }))).toMatchObject(exceeded);
    expect(calls).toBe(1);
  });

  test("a deadline beyond what timers can hold is none", async () => {
    await using echo = await startEcho(
      handlersOf(async function* (_requests, { deadline }) {
        yield message(String(deadline));
      }),
    );
    const days = 24 * 60 * 60 * 1000;
    for (const timeoutMs of [30 * days, Number.MAX_SAFE_INTEGER, Infinity]) {
      expect(await callAny(echo.client, method, { timeoutMs })).toEqual(["undefined"]);
    }
    const deadline = new Date(Date.now() + 30 * days);
    expect(await callAny(echo.client, method, { deadline })).toEqual(["undefined"]);
    const [longest] = await callAny(echo.client, method, { timeoutMs: 24 * days });
    expect(longest).toMatch(/^\w{3} \w{3} \d\d \d{4}/);
  });

  test("a deadline that is no time is refused", async () => {
    await using echo = await startEcho(left);
    const { client } = echo;
    await callAny(client, method);
    await expect(callAny(client, method, { timeoutMs: NaN })).rejects.toThrow(RangeError);
    const deadline = new Date(NaN);
    await expect(callAny(client, method, { deadline })).rejects.toThrow(RangeError);
  });

  test("the client's own timeout is for calls that set none", async () => {
    await using echo = await startEcho(left);
    const client = createClient(EchoDefinition, { channel: echo.channel, timeoutMs: 60_000 });
    const [of60] = await callAny(client, method);
    expect(Number(of60)).toBeGreaterThan(50_000);
    const [of30] = await callAny(client, method, { timeoutMs: 30_000 });
    expect(Number(of30)).toBeGreaterThan(20_000);
    expect(Number(of30)).toBeLessThanOrEqual(30_000);
  });
});

test("by default, what answers once has a deadline and what answers with a stream has none", async () => {
  await using echo = await startEcho(left);
  for (const method of ["echo", "collect"] as const) {
    const [answer] = await callAny(echo.client, method);
    expect(Number(answer)).toBeGreaterThan(defaultTimeoutMs - 10_000);
    expect(Number(answer)).toBeLessThanOrEqual(defaultTimeoutMs);
  }
  expect(await callAny(echo.client, "expand")).toEqual(["none"]);
  expect(await callAny(echo.client, "chat")).toEqual(["none"]);
});

test("a deadline passes in the middle of a stream", async () => {
  const told = Promise.withResolvers<unknown>();
  const finished = Promise.withResolvers<string>();
  await using echo = await startEcho({
    async *expand(_request, { signal }) {
      yield message("1");
      yield message("2");
      try {
        told.resolve(await abortion(signal));
        yield message("nobody waits for it");
      } finally {
        finished.resolve("left");
      }
    },
  });
  let got: string[] = [];
  const read = async (timeoutMs: number): Promise<void> => {
    got = [];
    for await (const { requestId } of echo.client.expand({}, { timeoutMs })) got.push(requestId);
  };
  for (const timeoutMs of growing(() => got.length === 2)) {
    expect(await failureOf(read(timeoutMs))).toMatchObject(exceeded);
  }
  expect(got).toEqual(["1", "2"]);
  expect(await told.promise).toMatchObject(exceeded);
  expect(await finished.promise).toBe("left");
});

test("a handler that ignores its deadline is not waited for by the caller", async () => {
  const release = Promise.withResolvers<void>();
  await using echo = await startEcho({
    async echo() {
      await release.promise;
      return message("nobody waits for it");
    },
  });
  expect(await failureOf(echo.client.echo({}, { timeoutMs: 20 }))).toMatchObject(exceeded);
  release.resolve();
});

/** A call by a client that is no gRPC library, so that it can do what none does. */
function rawCall(target: string, method: keyof typeof EchoDefinition.methods, timeout: string) {
  const session = connect(`http://${target}`);
  const stream: ClientHttp2Stream = session.request({
    ":method": "POST",
    ":path": `/${EchoDefinition.fullName}/${EchoDefinition.methods[method].name}`,
    "content-type": "application/grpc",
    "grpc-timeout": timeout,
    te: "trailers",
  });
  stream.on("error", () => undefined);
  return { session, stream };
}

test("a request that is complete only after its deadline does not reach the handler", async () => {
  let calls = 0;
  const handlers = handlersOf(async function* () {
    calls += 1;
    yield message("answer");
  });
  await using echo = await startEcho(handlers, { graceMs: 20_000 });
  for (const method of ["echo", "expand"] as const) {
    const { session, stream } = rawCall(echo.server.target, method, "20m");
    const status = Promise.withResolvers<unknown>();
    stream.once("response", (headers) => {
      status.resolve(headers["grpc-status"]);
    });
    stream.write(frame(message("request")));
    stream.resume();
    expect(await status.promise).toBe(String(Code.DEADLINE_EXCEEDED));
    const closed = Promise.withResolvers<void>();
    stream.once("close", closed.resolve);
    stream.end();
    await closed.promise;
    session.close();
  }
  expect(await callAny(echo.client, "echo")).toEqual(["answer"]);
  expect(calls).toBe(1);
  // Nor is it waited for: closing would take half of the grace.
  const before = performance.now();
  await echo.server.close();
  expect(performance.now() - before).toBeLessThan(5_000);
});

test.each(["expand", "chat"] as const)(
  "%s hears of its deadline although its client has stopped reading",
  async (method) => {
    const told = Promise.withResolvers<unknown>();
    const finished = Promise.withResolvers<string>();
    await using echo = await startEcho(
      handlersOf(async function* (_requests, { signal }) {
        void abortion(signal).then(told.resolve);
        try {
          for (;;) yield message("answer", "x".repeat(10_000));
        } finally {
          finished.resolve("left");
        }
      }),
    );
    const { session, stream } = rawCall(echo.server.target, method, "200m");
    stream.pause();
    stream.end(frame(message("request")));
    expect(await told.promise).toMatchObject(exceeded);
    expect(await finished.promise).toBe("left");
    session.destroy();
  },
);

test.each(methods)("%s hears of its deadline although its client goes on", async (method) => {
  const told = Promise.withResolvers<number>();
  await using echo = await startEcho(
    handlersOf(async function* (_requests, { signal, deadline }) {
      yield* [];
      await abortion(signal);
      told.resolve(Date.now() - Number(deadline));
      throw signal.reason;
    }),
  );
  const { session, stream } = rawCall(echo.server.target, method, "500m");
  // Neither the end of its requests nor a reset: all that there is to tell the server is its own clock.
  stream.write(frame(message("request")));
  if (method === "echo" || method === "expand") stream.end();
  const late = await told.promise;
  // Timers count whole milliseconds from the turn they are set in, which may have begun a little before.
  expect(late).toBeGreaterThan(-20);
  expect(late).toBeLessThan(2_000);
  session.destroy();
});

test("a timeout that is none fails the call and does not hold the server", async () => {
  await using echo = await startEcho(left, { graceMs: 20_000 });
  const { session, stream } = rawCall(echo.server.target, "echo", "soon");
  const status = Promise.withResolvers<unknown>();
  stream.once("response", (headers) => {
    status.resolve(headers["grpc-status"]);
  });
  stream.end(frame(message("request")));
  stream.resume();
  expect(await status.promise).toBe(String(Code.INTERNAL));
  session.close();
  const before = performance.now();
  await echo.server.close();
  expect(performance.now() - before).toBeLessThan(5_000);
  expect(await failureOf(idsOf(echo.client.expand({})))).toMatchObject({ code: Code.UNAVAILABLE });
});
