import { createServer } from "node:net";
import { describe, expect, test } from "@jest/globals";
import { Channel, credentials } from "@grpc/grpc-js";
import { createClient } from "../src/client-index.ts";
import { type CallContext, Code, type RetryPolicy, RpcError } from "../src/index.ts";
import { createChannel } from "./create-channel.ts";
import { EchoDefinition } from "./echo.ts";
import {
  callAny,
  failureOf,
  handlersOf,
  message,
  type Method,
  methods,
  startEcho,
  streamingMethods,
} from "./echo-server.ts";
import { type ContractOptions, echoWith } from "./policy.ts";

const retry: RetryPolicy = {
  maxAttempts: 4,
  initialBackoffMs: 1,
  maxBackoffMs: 4,
  backoffMultiplier: 2,
  retryableCodes: [Code.UNAVAILABLE],
  throttling: { maxTokens: 100, tokenRatio: 0.1 },
};

/** The echo service whose calls are retried. */
function retried(changed: ContractOptions = {}) {
  const { service, ...rest } = changed;
  return echoWith({ idempotency: "IDEMPOTENT", service: { retry, ...service }, ...rest });
}

/** Handlers that cannot be reached a few times, and what each attempt said of those before it. */
function failing(times: number, code: Code = Code.UNAVAILABLE) {
  const attempts: (string | undefined)[] = [];
  const handlers = handlersOf(async function* (requests, { metadata }) {
    attempts.push(metadata.get("grpc-previous-rpc-attempts")[0]?.toString());
    for await (const { requestId } of requests) {
      if (attempts.length <= times) throw new RpcError(code, "try again");
      yield message(`re: ${requestId}`);
    }
  });
  return { attempts, handlers };
}

describe.each(methods)("%s", (method) => {
  test.each(["IDEMPOTENT", "NO_SIDE_EFFECTS"] as const)(
    "is tried again where it is %s",
    async (idempotency) => {
      const { attempts, handlers } = failing(2);
      await using echo = await startEcho(handlers, { definition: retried({ idempotency }) });
      expect(await callAny(echo.client, method)).toEqual(["re: request"]);
      expect(attempts).toEqual([undefined, "1", "2"]);
    },
  );

  test("is not tried again where it may have had effects", async () => {
    const { attempts, handlers } = failing(2);
    const definition = retried({ idempotency: "UNKNOWN" });
    await using echo = await startEcho(handlers, { definition });
    expect((await failureOf(callAny(echo.client, method))).code).toBe(Code.UNAVAILABLE);
    expect(attempts).toEqual([undefined]);
  });

  test("is tried as often as the contract says, and fails with the last status", async () => {
    const { attempts, handlers } = failing(100);
    await using echo = await startEcho(handlers, { definition: retried() });
    expect((await failureOf(callAny(echo.client, method))).code).toBe(Code.UNAVAILABLE);
    expect(attempts).toEqual([undefined, "1", "2", "3"]);
  });

  test("is tried again for the codes of the contract only", async () => {
    const { attempts, handlers } = failing(2, Code.RESOURCE_EXHAUSTED);
    await using echo = await startEcho(handlers, { definition: retried() });
    expect((await failureOf(callAny(echo.client, method))).code).toBe(Code.RESOURCE_EXHAUSTED);
    expect(attempts).toEqual([undefined]);
    const retryableCodes = [Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED];
    const other = failing(2, Code.RESOURCE_EXHAUSTED);
    const definition = retried({ service: { retry: { ...retry, retryableCodes } } });
    await using more = await startEcho(other.handlers, { definition });
    expect(await callAny(more.client, method)).toEqual(["re: request"]);
    expect(other.attempts).toHaveLength(3);
  });

  test("is tried again by each of its names", async () => {
    const definition = retried({ service: { retry, aliases: ["echo.Former"] } });
    for (const serviceName of [definition.fullName, "echo.Former"]) {
      const { attempts, handlers } = failing(2);
      await using echo = await startEcho(handlers, { definition });
      const client = createClient(definition, { channel: echo.channel, serviceName });
      expect(await callAny(client, method)).toEqual(["re: request"]);
      expect(attempts).toEqual([undefined, "1", "2"]);
    }
  });

  test("is not tried again where nobody can tell what its contract says", async () => {
    const { attempts, handlers } = failing(2);
    await using echo = await startEcho(handlers, { definition: echoWith({}) });
    expect((await failureOf(callAny(echo.client, method))).code).toBe(Code.UNAVAILABLE);
    expect(attempts).toEqual([undefined]);
  });

  test("is not tried again once its deadline has passed", async () => {
    const slow = { ...retry, initialBackoffMs: 60_000, maxBackoffMs: 60_000 };
    const { attempts, handlers } = failing(100);
    const definition = retried({ service: { retry: slow } });
    await using echo = await startEcho(handlers, { definition });
    // On a connection that is there already.
    await failureOf(callAny(echo.client, method, { timeoutMs: 50 }));
    const before = performance.now();
    await failureOf(callAny(echo.client, method, { timeoutMs: 50 }));
    expect(performance.now() - before).toBeLessThan(20_000);
    expect(attempts.length).toBeLessThanOrEqual(4);
  });
});

test.each(streamingMethods)("%s is not tried again after an answer", async (method) => {
  let attempts = 0;
  await using echo = await startEcho(
    handlersOf(async function* () {
      attempts += 1;
      yield message("1");
      throw new RpcError(Code.UNAVAILABLE, "try again");
    }),
    { definition: retried() },
  );
  expect((await failureOf(callAny(echo.client, method))).code).toBe(Code.UNAVAILABLE);
  expect(attempts).toBe(1);
});

test("methods of one service differ", async () => {
  const { methods: all, ...service } = retried();
  const once = echoWith({ idempotency: "UNKNOWN" }).methods;
  const definition = { ...service, methods: { ...all, echo: once.echo, chat: once.chat } };
  const counts = new Map<string, number>();
  const handlers = handlersOf((_requests, { path }: CallContext) => {
    counts.set(path, (counts.get(path) ?? 0) + 1);
    throw new RpcError(Code.UNAVAILABLE, "try again");
  });
  await using echo = await startEcho(handlers, { definition });
  for (const method of methods) await failureOf(callAny(echo.client, method));
  const times = (method: Method) =>
    counts.get(`/${definition.fullName}/${EchoDefinition.methods[method].name}`);
  expect(methods.map(times)).toEqual([1, 4, 4, 1]);
});

test("retries stop while most calls fail, and come back with those that do not", async () => {
  let attempts = 0;
  let down = true;
  const throttling = { maxTokens: 10, tokenRatio: 1 };
  await using echo = await startEcho(
    {
      echo: (request) => {
        attempts += 1;
        if (down) throw new RpcError(Code.UNAVAILABLE, "try again");
        return request;
      },
    },
    { definition: retried({ service: { retry: { ...retry, throttling } } }) },
  );
  const attemptsOf = async (): Promise<number> => {
    attempts = 0;
    await failureOf(echo.client.echo({}));
    return attempts;
  };
  expect(await attemptsOf()).toBe(4);
  const first: number[] = [];
  for (let call = 0; call < 10; call += 1) first.push(await attemptsOf());
  // From now on one attempt each: the server has what it needs to come back.
  expect(first.slice(1)).toEqual(Array.from({ length: 9 }, () => 1));
  down = false;
  for (let call = 0; call < 10; call += 1) await echo.client.echo({});
  down = true;
  expect(await attemptsOf()).toBe(4);
});

test("services that share a channel keep their own policies", async () => {
  const one = retried();
  const other = retried({
    fullName: "org.kit.test.v1.OtherService",
    service: { retry: { ...retry, maxAttempts: 2 } },
  });
  let attempts = 0;
  await using echo = await startEcho(
    handlersOf(() => {
      attempts += 1;
      throw new RpcError(Code.UNAVAILABLE, "try again");
    }),
    {
      definition: one,
      aliases: [other.fullName],
      channel: { services: [one, other, EchoDefinition] },
    },
  );
  await failureOf(echo.client.echo({}));
  expect(attempts).toBe(4);
  await failureOf(createClient(other, { channel: echo.channel }).echo({}));
  expect(attempts).toBe(4 + 2);
});

describe("a channel", () => {
  test("that was not opened for a service is refused for it", () => {
    const definition = retried();
    const other = retried({ fullName: "org.kit.test.v1.OtherService" });
    for (const services of [undefined, [], [other]]) {
      const channel = createChannel({ target: "127.0.0.1:1", ...(services && { services }) });
      expect(() => createClient(definition, { channel })).toThrow(
        new TypeError(
          `the channel was not opened for ${definition.fullName}, whose calls would not be retried: name its definition in the \`services\` of createChannel`,
        ),
      );
      channel.close();
    }
    const channel = createChannel({ target: "127.0.0.1:1", services: [other, definition] });
    expect(Object.keys(createClient(definition, { channel }))).toEqual([...methods]);
    channel.close();
  });

  test("of whatever kind will do for services that are not retried", () => {
    const channel = createChannel({ target: "127.0.0.1:1" });
    for (const definition of [
      EchoDefinition,
      echoWith({}),
      echoWith({ idempotency: "IDEMPOTENT" }),
    ]) {
      expect(Object.keys(createClient(definition, { channel }))).toEqual([...methods]);
    }
    channel.close();
  });

  test("of the user's own is the user's own affair", () => {
    const channel = new Channel("127.0.0.1:1", credentials.createInsecure(), {});
    expect(Object.keys(createClient(retried(), { channel }))).toEqual([...methods]);
    channel.close();
  });

  test("keeps what the user says of grpc-js's own options", async () => {
    const { attempts, handlers } = failing(2);
    await using echo = await startEcho(handlers, {
      definition: retried(),
      channel: { channelOptions: { "grpc.enable_retries": 0 } },
    });
    expect((await failureOf(echo.client.echo({}))).code).toBe(Code.UNAVAILABLE);
    expect(attempts).toEqual([undefined]);
  });

  test.each([0.001, 0.1, 1, 100, 1_500, 120_000, 86_400_000])(
    "is opened for a backoff of %d ms",
    async (initialBackoffMs) => {
      const backoff = { ...retry, initialBackoffMs, maxBackoffMs: initialBackoffMs };
      const { handlers } = failing(0);
      const definition = retried({ service: { retry: backoff } });
      await using echo = await startEcho(handlers, { definition });
      expect(await callAny(echo.client, "echo")).toEqual(["re: request"]);
    },
  );
});

test.each(methods)("%s does not wait for a server that is not there", async (method) => {
  const port = await freePort();
  for (const definition of [retried(), echoWith({}), EchoDefinition]) {
    const channel = createChannel({ target: `127.0.0.1:${port}`, services: [definition] });
    const before = performance.now();
    const error = await failureOf(
      callAny(createClient(definition, { channel }), method, { timeoutMs: 60_000 }),
    );
    expect(error.code).toBe(Code.UNAVAILABLE);
    expect(performance.now() - before).toBeLessThan(5_000);
    channel.close();
  }
});

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address();
    server.close(() => {
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  return promise;
}
