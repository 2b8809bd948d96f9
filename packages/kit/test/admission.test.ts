import { once } from "node:events";
import { connect as connectHttp2, constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { expect, test } from "@jest/globals";
import { createClient } from "../src/client-index.ts";
import {
  HealthCheckResponse_ServingStatus as Status,
  HealthDefinition,
} from "../src/gen/health/v1/health.ts";
import { Code, type RpcError } from "../src/index.ts";
import {
  abortion,
  callAny,
  type EchoServer,
  failureOf,
  handlersOf,
  type Method,
  message,
  methods,
  startEcho,
} from "./echo-server.ts";
import { echoWith } from "./policy.ts";

/** Handlers that wait until they are let go. */
function waiting() {
  const release = Promise.withResolvers<void>();
  let count = 0;
  const arrived = new Map<number, PromiseWithResolvers<void>>();
  const of = (number: number): PromiseWithResolvers<void> => {
    const entry = arrived.get(number) ?? Promise.withResolvers<void>();
    arrived.set(number, entry);
    return entry;
  };
  return {
    handlers: handlersOf(async function* () {
      count += 1;
      of(count).resolve();
      await release.promise;
      yield message("answer");
    }),
    get count() {
      return count;
    },
    /** Resolves once so many are at work. */
    arrived: (number: number) => of(number).promise,
    release: release.resolve,
  };
}

function expectToSayWhen(error: RpcError): void {
  const [pushback] = error.metadata?.get("grpc-retry-pushback-ms") ?? [];
  expect(Number(pushback)).toBeGreaterThanOrEqual(200);
  expect(Number(pushback)).toBeLessThan(400);
  expect(error.retryAfterMs).toBe(Number(pushback));
}

function healthOf({ channel }: EchoServer) {
  return createClient(HealthDefinition, { channel });
}

test.each(methods)("%s: calls beyond the limit are refused, on all connections", async (method) => {
  const { handlers, arrived, release } = waiting();
  await using echo = await startEcho(handlers, {
    maxConcurrentCalls: 3,
    channel: { connections: 2 },
  });
  const calls = Array.from({ length: 3 }, () => callAny(echo.client, method));
  await arrived(3);
  const error = await failureOf(callAny(echo.client, method));
  expect(error).toMatchObject({
    code: Code.UNAVAILABLE,
    text: "the server has too many calls at the moment",
  });
  expectToSayWhen(error);
  expect(echo.log).toContainEqual(
    expect.objectContaining({ msg: "calls are refused", maxConcurrentCalls: 3 }),
  );
  // Never health checks.
  expect(await healthOf(echo).check({})).toEqual({ status: Status.SERVING });
  release();
  expect(await Promise.all(calls)).toEqual(calls.map(() => ["answer"]));
  expect(await callAny(echo.client, method)).toEqual(["answer"]);
});

test("a handler that goes on after its call was cancelled counts until it is done", async () => {
  const { handlers, arrived, release } = waiting();
  await using echo = await startEcho(handlers, { maxConcurrentCalls: 1 });
  const abort = new AbortController();
  const cancelled = failureOf(callAny(echo.client, "echo", { signal: abort.signal }));
  await arrived(1);
  abort.abort();
  expect((await cancelled).code).toBe(Code.CANCELLED);
  await healthOf(echo).check({});
  expect((await failureOf(callAny(echo.client, "echo"))).code).toBe(Code.UNAVAILABLE);
  release();
  await healthOf(echo).check({});
  expect(await callAny(echo.client, "echo")).toEqual(["answer"]);
});

test("the client's retries wait as long as they are told to", async () => {
  const { handlers, arrived, release } = waiting();
  await using echo = await startEcho(handlers, {
    maxConcurrentCalls: 1,
    definition: echoWith({
      idempotency: "IDEMPOTENT",
      service: {
        retry: {
          maxAttempts: 2,
          initialBackoffMs: 1,
          maxBackoffMs: 1,
          backoffMultiplier: 1,
          retryableCodes: [Code.UNAVAILABLE],
          throttling: { maxTokens: 10, tokenRatio: 1 },
        },
      },
    }),
  });
  const first = callAny(echo.client, "echo");
  await arrived(1);
  const start = performance.now();
  const second = callAny(echo.client, "echo");
  // It has been refused by the time that a call behind it is answered.
  await healthOf(echo).check({});
  release();
  expect(await Promise.all([first, second])).toEqual([["answer"], ["answer"]]);
  expect(performance.now() - start).toBeGreaterThanOrEqual(200);
});

test("a call that has less time left than others took is refused where that is asked for", async () => {
  const { promise: later, resolve } = Promise.withResolvers<void>();
  let slow = true;
  await using echo = await startEcho(
    {
      async echo() {
        if (slow) await new Promise((done) => setTimeout(done, 100));
        else await later;
        return message("answer");
      },
    },
    { refuseHopelessCalls: true },
  );
  await callAny(echo.client, "echo");
  const error = await failureOf(callAny(echo.client, "echo", { timeoutMs: 50 }));
  expect(error).toMatchObject({
    code: Code.UNAVAILABLE,
    text: "the call has less time left than calls of its method need at the moment",
  });
  expectToSayWhen(error);
  slow = false;
  resolve();
  expect(await callAny(echo.client, "echo", { timeoutMs: 5_000 })).toEqual(["answer"]);
});

test("where handlers compute, health checks and refusals do not wait for all of them", async () => {
  let computed = 0;
  await using echo = await startEcho(
    {
      echo() {
        const end = performance.now() + 20;
        while (performance.now() < end);
        computed += 1;
        return message("answer");
      },
    },
    { maxConcurrentCalls: 40 },
  );
  const health = healthOf(echo);
  await health.check({});
  const calls = Array.from({ length: 40 }, () => callAny(echo.client, "echo"));
  // Sent in one packet with those before, and answered by the same thread.
  const refused = failureOf(callAny(echo.client, "echo"));
  expect(await health.check({})).toEqual({ status: Status.SERVING });
  expect((await refused).code).toBe(Code.UNAVAILABLE);
  expect(computed).toBeLessThan(20);
  await Promise.all(calls);
});

/** A connection that says nothing. */
async function silent({ server }: EchoServer): Promise<Socket> {
  const socket = connect(server.port, "127.0.0.1").on("error", () => undefined);
  await once(socket.resume(), "connect");
  return socket;
}

test("connections that say nothing make way for others, the oldest first", async () => {
  await using echo = await startEcho(waiting().handlers, {
    maxConnections: 3,
    helloTimeoutMs: 60_000,
  });
  const sockets = [await silent(echo), await silent(echo), await silent(echo)] as const;
  const closed = once(sockets[0], "close");
  expect(await healthOf(echo).check({})).toEqual({ status: Status.SERVING });
  await closed;
  expect(sockets.map(({ readyState }) => readyState)).toEqual(["closed", "open", "open"]);
  for (const socket of sockets) socket.destroy();
});

test("a connection without calls makes way for another where there is no room", async () => {
  await using echo = await startEcho({ echo: () => message("answer") }, { maxConnections: 1 });
  const idle = connectHttp2(`http://${echo.server.target}`);
  await once(idle, "remoteSettings");
  const closed = once(idle, "close");
  // In its first second, it may be about to be used.
  let answer: unknown;
  while (answer === undefined) {
    answer = await callAny(echo.client, "echo").catch(() => undefined);
  }
  expect(answer).toEqual(["answer"]);
  await closed;
});

test("beyond the limit, connections are refused, and those that are there are not harmed", async () => {
  await using echo = await startEcho(waiting().handlers, { maxConnections: 1 });
  const health = healthOf(echo);
  const watching = health.watch({});
  await watching.next();
  const refused = await silent(echo);
  await once(refused, "close");
  expect(await health.check({})).toEqual({ status: Status.SERVING });
  await watching.return?.();
  expect(echo.log).toContainEqual(
    expect.objectContaining({ msg: "a connection was refused: there are too many" }),
  );
});

test("a connection that says nothing is closed", async () => {
  await using echo = await startEcho(waiting().handlers, { helloTimeoutMs: 50 });
  await once(await silent(echo), "close");
  // One that has said what it is may be silent from then on.
  const session = connectHttp2(`http://${echo.server.target}`);
  await once(session, "remoteSettings");
  await once(await silent(echo), "close");
  expect(session.closed).toBe(false);
  session.destroy();
});

const paths: Readonly<Record<Method, string>> = {
  echo: "Echo",
  expand: "Expand",
  collect: "Collect",
  chat: "Chat",
};

test.each(methods)("%s: a request that never ends is ended", async (method) => {
  await using echo = await startEcho(
    handlersOf(async function* (_, { signal }) {
      await abortion(signal);
      yield message("late");
    }),
    { requestTimeoutMs: 50 },
  );
  const session = connectHttp2(`http://${echo.server.target}`);
  const stream = session.request({
    ":method": "POST",
    ":path": `/org.kit.test.v1.EchoService/${paths[method]}`,
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.write(Buffer.from([0, 0, 0, 0, 9, 1]));
  expect((await once(stream, "response"))[0]).toMatchObject({
    "grpc-status": String(Code.DEADLINE_EXCEEDED),
  });
  await once(stream.resume(), "close");
  expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  session.destroy();
});

test("calls of which half a request has come make way for others where there is no room", async () => {
  await using echo = await startEcho({ echo: () => message("answer") }, { maxConcurrentCalls: 3 });
  const session = connectHttp2(`http://${echo.server.target}`);
  const half = Array.from({ length: 3 }, () => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/org.kit.test.v1.EchoService/Echo",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.write(Buffer.from([0, 0, 0, 0, 9, 1]));
    return once(stream.resume(), "close");
  });
  // For as long as they may be on their way, they are as good as others.
  const outcomes: string[] = [];
  while (!outcomes.includes("answer")) {
    const [outcome] = await callAny(echo.client, "echo").catch((error: unknown) => [String(error)]);
    outcomes.push(outcome ?? "");
  }
  expect(new Set(outcomes)).toEqual(
    new Set(["RpcError: UNAVAILABLE: the server has too many calls at the moment", "answer"]),
  );
  await Promise.race(half);
  session.destroy();
});
