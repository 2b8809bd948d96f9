import { connect } from "node:http2";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { describe, expect, test } from "@jest/globals";
import { createClient } from "../src/client-index.ts";
import { RequestInfo } from "../src/gen/google/rpc/error_details.ts";
import { Code, RpcError } from "../src/index.ts";
import { EchoDefinition } from "./echo.ts";
import {
  abortion,
  callAny,
  type EchoClient,
  type EchoServer,
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

const exceeded = { name: "RpcError", code: Code.DEADLINE_EXCEEDED, text: "the deadline passed" };

/** Short enough to wait for, long enough for a call to reach its handler. */
const short = echoWith({ defaultTimeoutMs: 80, maxTimeoutMs: 160 });
const long = echoWith({ defaultTimeoutMs: 100_000, maxTimeoutMs: 200_000 });

/** A client that does not know the contract, and sets no deadline by itself. */
function stranger({ channel }: EchoServer): EchoClient {
  return createClient(EchoDefinition, { channel, timeoutMs: Infinity });
}

/** Answers with how many milliseconds are left. */
const left = handlersOf(async function* (_requests, { deadline }) {
  yield message(deadline === undefined ? "none" : String(deadline.getTime() - Date.now()));
});

/** Handlers that wait until they are told to stop, and what they were told. */
function waiting() {
  const told = Promise.withResolvers<unknown>();
  const handlers = handlersOf(async function* (_requests, { signal }) {
    yield* [];
    const reason = await abortion(signal);
    told.resolve(reason);
    throw reason;
  });
  return { handlers, told: told.promise };
}

/** How long something takes, in milliseconds. */
async function timed(work: Promise<unknown>): Promise<number> {
  const before = performance.now();
  await work;
  return performance.now() - before;
}

/** The timers that keep this process. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((type) => type === "Timeout").length;
}

describe.each(methods)("%s", (method) => {
  test("a caller without a deadline is ended by the contract's default", async () => {
    const { handlers, told } = waiting();
    await using echo = await startEcho(handlers, { definition: short });
    const took = await timed(
      failureOf(callAny(stranger(echo), method)).then((error) => {
        expect(error).toMatchObject(exceeded);
      }),
    );
    expect(took).toBeGreaterThan(75);
    expect(await told).toMatchObject(exceeded);
    expect(echo.log.filter(({ level }) => level >= 40)).toEqual([]);
  });

  test("one with a later deadline is ended when the contract allows no more", async () => {
    const { handlers, told } = waiting();
    await using echo = await startEcho(handlers, { definition: short });
    const took = await timed(
      failureOf(callAny(stranger(echo), method, { timeoutMs: 60_000 })).then((error) => {
        expect(error).toMatchObject(exceeded);
      }),
    );
    expect(took).toBeGreaterThan(155);
    expect(await told).toMatchObject(exceeded);
  });

  test("one with an earlier deadline is ended by its own", async () => {
    const told: unknown[] = [];
    await using echo = await startEcho(
      handlersOf(async function* (_requests, { signal }) {
        yield* [];
        signal.addEventListener("abort", () => void told.push(signal.reason));
        await abortion(signal);
      }),
      { definition: long },
    );
    // Each longer than the one before, until one has been long enough for a slow machine.
    for (let timeoutMs = 50; told.length === 0; timeoutMs *= 2) {
      const call = callAny(stranger(echo), method, { timeoutMs });
      expect(await failureOf(call)).toMatchObject({ code: Code.DEADLINE_EXCEEDED });
    }
    // The client's timer runs out as well, and on a slow machine its reset comes first.
    const [reason] = told;
    if (!(reason instanceof RpcError)) throw new Error("the handler was told nothing");
    expect([Code.DEADLINE_EXCEEDED, Code.CANCELLED]).toContain(reason.code);
  });

  test("the handler knows when its call ends", async () => {
    await using echo = await startEcho(left, { definition: long });
    for (const [options, expected] of [
      [{}, 100_000],
      [{ timeoutMs: 150_000 }, 150_000],
      [{ timeoutMs: 900_000 }, 200_000],
      [{ timeoutMs: 50_000 }, 50_000],
    ] as const) {
      const [answer] = await callAny(stranger(echo), method, options);
      expect(Number(answer)).toBeGreaterThan(expected - 10_000);
      expect(Number(answer)).toBeLessThanOrEqual(expected);
    }
  });

  test("a client that knows the contract asks for no more than it allows", async () => {
    // The server has no contract, so that it says what was asked for.
    await using echo = await startEcho(left);
    const { channel } = echo;
    const deadline = new Date(Date.now() + 900_000);
    const asked = async (client: EchoClient, options?: object): Promise<number> => {
      const [answer] = await callAny(client, method, options);
      return Math.ceil(Number(answer) / 10_000) * 10_000;
    };
    const client = createClient(long, { channel });
    expect(await asked(client)).toBe(100_000);
    expect(await asked(client, {})).toBe(100_000);
    expect(await asked(client, { timeoutMs: 150_000 })).toBe(150_000);
    expect(await asked(client, { timeoutMs: 900_000 })).toBe(200_000);
    expect(await asked(client, { timeoutMs: Infinity })).toBe(200_000);
    expect(await asked(client, { deadline })).toBe(200_000);
    expect(await asked(client, { deadline: new Date(8.64e15) })).toBe(200_000);
    expect(await asked(client, { deadline, timeoutMs: 1 })).toBe(200_000);
    expect(await asked(createClient(long, { channel, timeoutMs: 50_000 }))).toBe(50_000);
    expect(await asked(createClient(long, { channel, timeoutMs: Infinity }))).toBe(200_000);
    const late = createClient(long, { channel, timeoutMs: 900_000 });
    expect(await asked(late)).toBe(200_000);
    expect(await asked(late, { timeoutMs: 30_000 })).toBe(30_000);
    await expect(callAny(client, method, { timeoutMs: NaN })).rejects.toThrow(RangeError);
    for (const timeoutMs of [0, -1, -Infinity]) {
      const error = await failureOf(callAny(client, method, { timeoutMs }));
      expect(error.code).toBe(Code.DEADLINE_EXCEEDED);
    }
  });

  test("a handler that ignores its signal is not waited for by the caller", async () => {
    const release = Promise.withResolvers<void>();
    const finished = Promise.withResolvers<void>();
    await using echo = await startEcho(
      handlersOf(async function* () {
        await release.promise;
        try {
          yield message("nobody waits for it");
        } finally {
          finished.resolve();
        }
      }),
      { definition: short },
    );
    expect(await failureOf(callAny(stranger(echo), method))).toMatchObject(exceeded);
    release.resolve();
    // What it answers then is dropped, and nothing is amiss.
    await finished.promise;
    expect(echo.log.filter(({ level }) => level >= 40)).toEqual([]);
  });

  test("what a handler throws after the deadline is no defect", async () => {
    const release = Promise.withResolvers<void>();
    await using echo = await startEcho(
      handlersOf(async function* () {
        yield* [];
        await release.promise;
        throw new Error("too late");
      }),
      { definition: short, graceMs: 20_000 },
    );
    expect(await failureOf(callAny(stranger(echo), method))).toMatchObject(exceeded);
    release.resolve();
    await echo.server.close();
    expect(echo.log.filter(({ level }) => level >= 40)).toEqual([]);
  });

  test("nor is what it throws before a timer could tell it so", async () => {
    await using echo = await startEcho(
      handlersOf(async function* (_requests, { deadline }) {
        yield* [];
        while (Date.now() < Number(deadline)) Math.sqrt(2);
        throw new Error("too late");
      }),
      { definition: short },
    );
    expect(await failureOf(callAny(stranger(echo), method))).toMatchObject(exceeded);
    expect(echo.log.filter(({ level }) => level >= 40)).toEqual([]);
  });

  test("no timer is left of a call that has ended", async () => {
    await using echo = await startEcho(
      handlersOf(async function* (requests) {
        for await (const { requestId } of requests) {
          if (requestId === "fail") throw new Error("broken");
          yield message("answer");
        }
      }),
      { definition: long },
    );
    const client = stranger(echo);
    await callAny(client, method);
    const before = timers();
    for (let call = 0; call < 20; call += 1) {
      await callAny(client, method);
      await failureOf(callAny(client, method, {}, message("fail")));
    }
    expect(timers()).toBeLessThan(before + 10);
  });

  test("a handler that never ends does not keep the process once the server has closed", async () => {
    const started = Promise.withResolvers<void>();
    const calls = 20;
    let waited = 0;
    const before = timers();
    {
      await using echo = await startEcho(
        handlersOf(async function* () {
          waited += 1;
          if (waited === calls) started.resolve();
          await new Promise(() => undefined);
          yield message("never");
        }),
        { definition: long },
      );
      const client = stranger(echo);
      const ended = Array.from({ length: calls }, () => failureOf(callAny(client, method)));
      await started.promise;
      await echo.server.close();
      await Promise.all(ended);
    }
    expect(timers()).toBeLessThan(before + calls / 2);
  });
});

test("a handler that answers at once needs no timer", async () => {
  let during = -1;
  await using echo = await startEcho(
    {
      echo: () => {
        during = timers();
        return message("answer");
      },
    },
    { definition: long },
  );
  const client = stranger(echo);
  await callAny(client, "echo");
  const before = timers();
  expect(await callAny(client, "echo")).toEqual(["answer"]);
  expect(during).toBeLessThanOrEqual(before + 1);
});

test("a client of grpc-js, as it is, is ended by the contract", async () => {
  await using echo = await startEcho(waiting().handlers, { definition: short });
  const client = new Client(echo.server.target, credentials.createInsecure());
  const { promise, resolve } = Promise.withResolvers<ServiceError | null>();
  client.makeUnaryRequest(
    `/${EchoDefinition.fullName}/Echo`,
    (request: RequestInfo) => Buffer.from(RequestInfo.encode(request).finish()),
    (bytes: Buffer) => RequestInfo.decode(bytes),
    message("1"),
    new Metadata(),
    resolve,
  );
  expect(await promise).toMatchObject({
    code: Code.DEADLINE_EXCEEDED,
    details: "the deadline passed",
  });
  client.close();
});

test.each(streamingMethods)("%s ends in the middle, with its trailers", async (method) => {
  await using echo = await startEcho(
    handlersOf(async function* (_requests, { signal, trailer }) {
      trailer.set("seen", "2");
      yield message("1");
      yield message("2");
      await abortion(signal);
      yield message("nobody waits for it");
    }),
    { definition: short },
  );
  const got: string[] = [];
  const trailers: unknown[] = [];
  const options = { onTrailer: (trailer: Metadata) => void trailers.push(trailer.get("seen")[0]) };
  const read = async (): Promise<void> => {
    const client = stranger(echo);
    const answers =
      method === "expand" ? client.expand({}, options) : client.chat([message("1")], options);
    for await (const { requestId } of answers) got.push(requestId);
  };
  expect(await failureOf(read())).toMatchObject(exceeded);
  expect(got).toEqual(["1", "2"]);
  expect(trailers).toEqual(["2"]);
});

test.each(streamingMethods)(
  "%s ends although its handler never stops answering",
  async (method) => {
    const finished = Promise.withResolvers<string>();
    await using echo = await startEcho(
      handlersOf(async function* () {
        try {
          for (;;) yield message("answer", "x".repeat(10_000));
        } finally {
          finished.resolve("left");
        }
      }),
      { definition: short },
    );
    expect(await failureOf(callAny(stranger(echo), method))).toMatchObject(exceeded);
    expect(await finished.promise).toBe("left");
  },
);

test.each(streamingMethods)("%s ends although its client has stopped reading", async (method) => {
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
    { definition: short },
  );
  const session = connect(`http://${echo.server.target}`);
  const stream = session.request({
    ":method": "POST",
    ":path": `/${EchoDefinition.fullName}/${EchoDefinition.methods[method].name}`,
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => undefined);
  stream.pause();
  stream.end(frame(message("request")));
  expect(await told.promise).toMatchObject(exceeded);
  expect(await finished.promise).toBe("left");
  session.destroy();
});

test.each(["collect", "chat"] as const)(
  "%s ends although its client does not stop sending",
  async (method) => {
    const outcome = Promise.withResolvers<unknown>();
    const read = async (requests: AsyncIterable<RequestInfo>): Promise<RequestInfo> => {
      try {
        for await (const { requestId } of requests) if (requestId === "none") break;
        outcome.resolve("end");
      } catch (error) {
        outcome.resolve(error);
      }
      return message("all");
    };
    await using echo = await startEcho(
      {
        collect: read,
        async *chat(requests) {
          yield await read(requests);
        },
      },
      { definition: short, graceMs: 20_000 },
    );
    const client = stranger(echo);
    let stopped = false;
    const requests = async function* () {
      try {
        yield message("first");
        for (;;) yield message("more", "x".repeat(1_000));
      } finally {
        stopped = true;
      }
    };
    const call = method === "collect" ? client.collect(requests()) : idsOf(client.chat(requests()));
    expect(await failureOf(call)).toMatchObject(exceeded);
    expect(await outcome.promise).toMatchObject(exceeded);
    expect(stopped).toBe(true);
    expect(await timed(echo.server.close())).toBeLessThan(5_000);
  },
);

test("what ended in time is told as it is", async () => {
  await using echo = await startEcho(
    handlersOf(async function* (requests) {
      yield* requests;
    }),
    // Longer than a hundred messages take on any machine.
    { definition: echoWith({ defaultTimeoutMs: 20_000, maxTimeoutMs: 20_000 }) },
  );
  const ids = Array.from({ length: 100 }, (_, id) => message(String(id)));
  expect(await gather(stranger(echo).chat(ids))).toEqual(ids);
});
