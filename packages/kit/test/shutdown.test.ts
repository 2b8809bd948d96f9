import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect, createServer, type Socket } from "node:net";
import { describe, expect, test } from "@jest/globals";
import { createClient } from "../src/client-index.ts";
import {
  HealthCheckResponse_ServingStatus,
  HealthDefinition,
} from "../src/gen/health/v1/health.ts";
import { Code, createLogger, ListenError, type RpcError, serve } from "../src/index.ts";
import { type Child, startChild } from "./child.ts";
import { createChannel } from "./create-channel.ts";
import { EchoDefinition } from "./echo.ts";
import {
  abortion,
  callAny,
  failureOf,
  handlersOf,
  idsOf,
  message,
  methods,
  startEcho,
} from "./echo-server.ts";

const unavailable = { name: "RpcError", code: Code.UNAVAILABLE };

/** Of a grace of 20 s: what did not wait for it, nor for its half. */
const atOnce = 5_000;

async function timeOf(action: () => Promise<unknown>): Promise<number> {
  const before = performance.now();
  await action();
  return performance.now() - before;
}

/** Handlers that hold their call until they are released. */
function held() {
  const started = Promise.withResolvers<AbortSignal>();
  const release = Promise.withResolvers<void>();
  const handlers = handlersOf(async function* (_requests, { signal }) {
    started.resolve(signal);
    await release.promise;
    yield message("answer");
  });
  return { handlers, started: started.promise, release: release.resolve };
}

describe.each(methods)("%s", (method) => {
  test("a call that is running finishes", async () => {
    const { handlers, started, release } = held();
    await using echo = await startEcho(handlers, { graceMs: 20_000 });
    const call = callAny(echo.client, method);
    const signal = await started;
    const closed = echo.server.close();
    release();
    expect(await call).toEqual(["answer"]);
    await closed;
    expect(signal.aborted).toBe(false);
  });

  test("a new call is refused while another one still runs", async () => {
    const { handlers, started, release } = held();
    await using echo = await startEcho(handlers, { graceMs: 20_000 });
    const call = callAny(echo.client, method);
    await started;
    const closed = echo.server.close();
    // On the connection that is there, and on one of its own.
    expect(await failureOf(callAny(echo.client, method))).toMatchObject(unavailable);
    const channel = createChannel({ target: echo.server.target });
    const stranger = createClient(EchoDefinition, { channel });
    expect(await failureOf(callAny(stranger, method))).toMatchObject(unavailable);
    channel.close();
    release();
    expect(await call).toEqual(["answer"]);
    await closed;
  });

  test("a call that does not end is cut off when the grace is over", async () => {
    const { handlers, started } = held();
    await using echo = await startEcho(handlers, { graceMs: 100 });
    const call = failureOf(callAny(echo.client, method));
    const signal = await started;
    await echo.server.close();
    expect(await call).toMatchObject(unavailable);
    expect(await abortion(signal)).toMatchObject({ name: "RpcError" });
    expect(echo.log.map(({ msg }) => msg)).toContain(
      "the grace is over: cutting off the calls that are left",
    );
  });

  test("a server whose calls are all over closes at once, however they ended", async () => {
    await using echo = await startEcho(
      handlersOf(async function* (requests, { signal }) {
        for await (const { requestId } of requests) {
          if (requestId === "fail") throw new Error("failed");
          if (requestId === "wait") throw await abortion(signal);
          yield message(`re: ${requestId}`);
        }
      }),
      { graceMs: 20_000, maxReceiveMessageBytes: 1_000, maxSendMessageBytes: 1_000 },
    );
    const { client } = echo;
    const ask = (id: string, options = {}) => callAny(client, method, options, message(id));
    for (let round = 0; round < 5; round += 1) {
      await ask("answer");
      await failureOf(ask("fail"));
      await failureOf(ask("x".repeat(2_000)));
      await failureOf(ask("x".repeat(996)));
      await failureOf(ask("wait", { timeoutMs: 10 }));
      const controller = new AbortController();
      const cancelled = failureOf(ask("wait", { signal: controller.signal }));
      await ask("answer");
      controller.abort();
      await cancelled;
    }
    expect(await timeOf(() => echo.server.close())).toBeLessThan(atOnce);
  });
});

describe.each(["expand", "collect", "chat"] as const)("%s, endless", (method) => {
  test("is ended with UNAVAILABLE, and both sides hear of it", async () => {
    const told = Promise.withResolvers<unknown>();
    const started = Promise.withResolvers<void>();
    const left = Promise.withResolvers<string>();
    await using echo = await startEcho(
      handlersOf(async function* (requests, { signal }) {
        void abortion(signal).then(told.resolve);
        try {
          for await (const { requestId } of requests) {
            started.resolve();
            if (method !== "collect") yield message(requestId);
          }
          throw await abortion(signal);
        } finally {
          left.resolve("left");
        }
      }),
      { graceMs: 400 },
    );
    const sourceLeft = Promise.withResolvers<string>();
    const endless = async function* () {
      try {
        for (;;) {
          yield message("more");
          await new Promise(setImmediate);
        }
      } finally {
        sourceLeft.resolve("left");
      }
    };
    const calls = {
      expand: () => idsOf(echo.client.expand({})),
      collect: () => echo.client.collect(endless()),
      chat: () => idsOf(echo.client.chat(endless())),
    };
    const call = failureOf(calls[method]());
    await started.promise;
    await echo.server.close();
    expect(await call).toMatchObject({ ...unavailable, text: "the server is shutting down" });
    expect(await told.promise).toMatchObject({
      ...unavailable,
      text: "the server is shutting down",
    });
    expect(await left.promise).toBe("left");
    if (method === "expand") sourceLeft.resolve("left");
    expect(await sourceLeft.promise).toBe("left");
    expect(echo.log.map(({ msg }) => msg)).not.toContain(
      "the grace is over: cutting off the calls that are left",
    );
  });
});

test("whoever watches the health hears that the server is leaving, and then that it has left", async () => {
  const { handlers, started, release } = held();
  await using echo = await startEcho(handlers, { graceMs: 20_000 });
  const health = createClient(HealthDefinition, { channel: echo.channel });
  const watching = health.watch({ service: EchoDefinition.fullName });
  const status = async () => (await watching.next()).value?.status;
  expect(await status()).toBe(HealthCheckResponse_ServingStatus.SERVING);
  const call = echo.client.echo({});
  await started;
  const closed = echo.server.close();
  expect(await status()).toBe(HealthCheckResponse_ServingStatus.NOT_SERVING);
  release();
  expect(await call).toEqual(message("answer"));
  // A watch would never end by itself: it does not hold the server for its grace.
  expect(await timeOf(() => closed)).toBeLessThan(atOnce);
  expect(await failureOf(watching.next())).toMatchObject(unavailable);
});

/** Connections that would hold a server which only waits for its peers, by what they do. */
const peers: Record<string, (port: number) => Promise<Socket>> = {
  "a connection that says nothing": async (port) => {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return socket;
  },
  "a connection with half of HTTP/2's preface": async (port) => {
    const socket = connect(port, "127.0.0.1");
    socket.write("PRI * HTTP/2.0");
    await once(socket, "connect");
    return socket;
  },
  "half a request": async (port) => {
    const { session, socket } = await http2(port);
    const stream = session.request({
      ":method": "POST",
      ":path": `/${EchoDefinition.fullName}/Echo`,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => undefined);
    stream.write(Buffer.from([0, 0, 0, 0, 9]));
    // The answer to a ping says that what was sent before has arrived.
    await ping(session);
    return socket;
  },
  "a connection without calls": async (port) => {
    const { session, socket } = await http2(port);
    await ping(session);
    return socket;
  },
};

async function http2(port: number): Promise<{ session: ClientHttp2Session; socket: Socket }> {
  const socket = connect(port, "127.0.0.1");
  const session = connectHttp2(`http://127.0.0.1:${port}`, { createConnection: () => socket });
  session.on("error", () => undefined);
  await once(session, "connect");
  return { session, socket };
}

function ping(session: ClientHttp2Session): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  session.ping(() => {
    resolve();
  });
  return promise;
}

test.each(Object.entries(peers))("%s does not hold the server", async (_name, open) => {
  await using echo = await startEcho({}, { graceMs: 20_000 });
  const socket = await open(echo.server.port);
  socket.on("error", () => undefined);
  const gone = once(socket, "close");
  socket.resume();
  expect(await timeOf(() => echo.server.close())).toBeLessThan(atOnce);
  await gone;
});

test("a client that stops reading does not hold the server beyond the grace", async () => {
  const finished = Promise.withResolvers<string>();
  await using echo = await startEcho(
    {
      async *expand() {
        try {
          for (;;) yield message("more", "x".repeat(100_000));
        } finally {
          finished.resolve("left");
        }
      },
    },
    { graceMs: 200 },
  );
  const answers = echo.client.expand({});
  await answers.next();
  await echo.server.close();
  expect(await finished.promise).toBe("left");
  expect(await failureOf(idsOf(answers))).toMatchObject(unavailable);
});

test("closing twice is closing once", async () => {
  const order: string[] = [];
  const { handlers, started, release } = held();
  const onClosed = async (): Promise<void> => {
    order.push("closing");
    await new Promise(setImmediate);
    order.push("closed");
  };
  await using echo = await startEcho(handlers, { graceMs: 20_000, onClosed });
  const { server } = echo;
  const call = echo.client.echo({}).then(() => order.push("answered"));
  await started;
  const first = server.close();
  expect(server.close()).toBe(first);
  expect(server.closed).toBe(first);
  expect(order).toEqual([]);
  release();
  await Promise.all([call, first]);
  expect(order).toEqual(["answered", "closing", "closed"]);
  expect(server.close()).toBe(first);
});

test("what fails when everything is to be closed is what closing fails with", async () => {
  const failure = new Error("the database is gone");
  const server = await serve({
    services: [],
    signals: false,
    logger: createLogger({ name: "test", level: "silent" }),
    onClosed: () => {
      throw failure;
    },
  });
  await expect(server.close()).rejects.toBe(failure);
  await expect(server.closed).rejects.toBe(failure);
});

test("a port that is taken is named in the error", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const address = other.address();
  const port = typeof address === "object" ? address?.port : undefined;
  expect(port).toBeGreaterThan(0);
  const logger = createLogger({ name: "test", level: "silent" });
  const starting = serve({ services: [], signals: false, logger, ...(port && { port }) });
  await expect(starting).rejects.toThrow(ListenError);
  await expect(starting).rejects.toThrow(
    new RegExp(
      `^cannot listen on 127\\.0\\.0\\.1:${port ?? 0}: .*EADDRINUSE: address already in use`,
    ),
  );
  other.close();
});

test.each([
  ["a name that nobody knows", "host.invalid", /^cannot listen on host\.invalid:0: /],
  [
    "an address of another machine",
    "203.0.113.7",
    /^cannot listen on 203\.0\.113\.7:0: .*EADDRNOTAVAIL/,
  ],
])("%s cannot be listened on", async (_name, host, text) => {
  const logger = createLogger({ name: "test", level: "silent" });
  const starting = serve({ services: [], host, signals: false, logger });
  await expect(starting).rejects.toThrow(ListenError);
  await expect(starting).rejects.toThrow(text);
});

test.each(["localhost", "0.0.0.0", "127.0.0.1"])("a server on %s can be reached", async (host) => {
  await using echo = await startEcho({ echo: () => message("here") }, { host });
  expect(await echo.client.echo({})).toEqual(message("here"));
  const channel = createChannel({ target: `127.0.0.1:${echo.server.port}` });
  expect(await createClient(EchoDefinition, { channel }).echo({})).toEqual(message("here"));
  channel.close();
});

test("a server without signals of its own leaves those of the process alone", async () => {
  const before = ["SIGTERM", "SIGINT"].map((signal) => process.listenerCount(signal));
  const logger = createLogger({ name: "test", level: "silent" });
  const without = await serve({ services: [], signals: false, logger });
  expect(["SIGTERM", "SIGINT"].map((signal) => process.listenerCount(signal))).toEqual(before);
  const server = await serve({ services: [], logger });
  const during = ["SIGTERM", "SIGINT"].map((signal) => process.listenerCount(signal));
  expect(during).toEqual(before.map((count) => count + 1));
  await Promise.all([server.close(), without.close()]);
  expect(["SIGTERM", "SIGINT"].map((signal) => process.listenerCount(signal))).toEqual(before);
});

describe("a process", () => {
  /** Starts a stream of answers that does not end; resolves once it is on its way. */
  async function endless({ client }: Child): Promise<{ failure: Promise<RpcError> }> {
    const answers = client.expand(message("slow"));
    await answers.next();
    return { failure: failureOf(exhaust(answers)) };
  }

  test.each(["SIGTERM", "SIGINT"] as const)("ends with 0 at %s in mid-stream", async (signal) => {
    await using child = await startChild({ graceMs: 400 });
    const { failure } = await endless(child);
    child.kill(signal);
    expect(await failure).toMatchObject(unavailable);
    expect(await child.exit).toEqual({ code: 0, signal: null });
    expect(child.stderr()).toBe("");
    expect(child.stdout()).toContain("shutting down");
  });

  test("that is killed leaves its callers with UNAVAILABLE", async () => {
    await using child = await startChild();
    const { failure } = await endless(child);
    child.kill("SIGKILL");
    expect(await failure).toMatchObject(unavailable);
    expect(await failureOf(child.client.echo({}))).toMatchObject(unavailable);
  });

  test("ends at once at the second signal", async () => {
    await using child = await startChild({ graceMs: 60_000 });
    const { failure } = await endless(child);
    child.kill("SIGTERM");
    const health = createClient(HealthDefinition, { channel: child.channel });
    const leaving = async (): Promise<boolean> =>
      (await health.check({}).then(
        ({ status }) => status,
        () => HealthCheckResponse_ServingStatus.NOT_SERVING,
      )) === HealthCheckResponse_ServingStatus.NOT_SERVING;
    while (!(await leaving()));
    child.kill("SIGTERM");
    expect(await child.exit).toEqual({ code: null, signal: "SIGTERM" });
    await failure;
  });

  test.each(Object.entries(peers))("ends with 0 despite %s", async (_name, open) => {
    await using child = await startChild({ graceMs: 20_000 });
    const socket = await open(child.port);
    socket.on("error", () => undefined);
    const health = createClient(HealthDefinition, { channel: child.channel });
    const watching = health.watch({});
    await watching.next();
    child.kill("SIGTERM");
    expect(await timeOf(() => child.exit)).toBeLessThan(atOnce);
    expect(await child.exit).toEqual({ code: 0, signal: null });
    expect(await failureOf(exhaust(watching))).toMatchObject(unavailable);
  });
});

/** Reads a stream to its end, and keeps nothing of it. */
async function exhaust(messages: AsyncIterator<unknown>): Promise<void> {
  while ((await messages.next()).done !== true);
}
