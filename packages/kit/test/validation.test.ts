import { connect, constants } from "node:http2";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "@jest/globals";
import { createClient } from "../src/client-index.ts";
import type { RequestInfo } from "../src/gen/google/rpc/error_details.ts";
import { HealthDefinition } from "../src/gen/health/v1/health.ts";
import {
  type CheckedRequest,
  Code,
  createLogger,
  implement,
  RpcError,
  serve,
  type Violation,
} from "../src/index.ts";
import { createChannel } from "./create-channel.ts";
import {
  callAny,
  type EchoServer,
  failureOf,
  frame,
  gather,
  handlersOf,
  idsOf,
  message,
  methods,
  startEcho,
} from "./echo-server.ts";
import { bad, checkMessage, echoWith, empty, StoreDefinition, tooLong } from "./policy.ts";

const checked = echoWith({ check: checkMessage });

/** A message that breaks two rules. */
const wrong = message("far too long", "bad");

/** Handlers that note the messages they see, and answer each. */
function noting() {
  const seen: string[] = [];
  const handlers = handlersOf(async function* (requests) {
    for await (const { requestId } of requests) {
      seen.push(requestId);
      yield message(`re: ${requestId}`);
    }
  });
  const collect = async (requests: AsyncIterable<RequestInfo>): Promise<RequestInfo> => {
    for await (const { requestId } of requests) seen.push(requestId);
    return message(`${seen.length} messages`);
  };
  return { seen, handlers: { ...handlers, collect } };
}

const at = (index: number, violation: Violation): Violation => ({
  ...violation,
  field: `requests[${index}].${violation.field}`,
});

/** Collects garbage now, and not when there is enough of it. */
const collectGarbage = ((): (() => void) => {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new TypeError("V8 does not show its collector");
  return () => {
    Reflect.apply(collect, undefined, []);
  };
})();

describe.each(["echo", "expand"] as const)("%s", (method) => {
  test("a request that breaks rules is refused with each of them, and the handler does not run", async () => {
    const { seen, handlers } = noting();
    await using echo = await startEcho(handlers, { definition: checked });
    const error = await failureOf(callAny(echo.client, method, {}, wrong));
    expect(error).toMatchObject({
      code: Code.INVALID_ARGUMENT,
      text: 'request_id: must have at most 10 characters; serving_data: must not be "bad"',
      violations: [tooLong, bad],
    });
    expect(error.details.map(({ type }) => type)).toEqual(["BadRequest"]);
    expect(seen).toEqual([]);
    expect(echo.log.filter(({ level }) => level >= 40)).toEqual([]);
    expect(await callAny(echo.client, method, {}, message("fine"))).toEqual(["re: fine"]);
  });
});

describe("collect", () => {
  test("the violations of all messages are gathered, each with its place", async () => {
    const { seen, handlers } = noting();
    await using echo = await startEcho(handlers, { definition: checked });
    const requests = [message("1"), message(""), message("3"), wrong, message("5")];
    const error = await failureOf(echo.client.collect(requests));
    expect(error).toMatchObject({
      code: Code.INVALID_ARGUMENT,
      violations: [at(1, empty), at(3, tooLong), at(3, bad)],
    });
    // Neither one that breaks a rule, nor any behind it.
    expect(seen).toEqual(["1"]);
    expect(echo.log.filter(({ level }) => level >= 40)).toEqual([]);
  });

  test("places are counted over the whole stream, and anew for each", async () => {
    const { handlers } = noting();
    await using echo = await startEcho(handlers, { definition: checked });
    const requests = [...Array.from({ length: 1_234 }, (_, id) => message(String(id))), wrong];
    for (let call = 0; call < 2; call += 1) {
      const error = await failureOf(echo.client.collect(requests));
      expect(error.violations).toEqual([at(1_234, tooLong), at(1_234, bad)]);
    }
    expect(await failureOf(echo.client.collect([wrong]))).toMatchObject({
      violations: [at(0, tooLong), at(0, bad)],
    });
  });

  test("it ends before the client does once a hundred are found", async () => {
    const { seen, handlers } = noting();
    await using echo = await startEcho(handlers, { definition: checked, graceMs: 20_000 });
    let ended = false;
    const requests = function* () {
      try {
        for (;;) yield message("", "x".repeat(10_000));
      } finally {
        ended = true;
      }
    };
    const error = await failureOf(echo.client.collect(requests()));
    expect(error).toMatchObject({
      code: Code.INVALID_ARGUMENT,
      text: expect.stringMatching(/^requests\[0\]\.request_id: must not be empty; .* and 97 more$/),
    });
    expect(ended).toBe(true);
    expect(seen).toEqual([]);
    // What was not read holds nobody up: closing would take half of the grace.
    const before = performance.now();
    await echo.server.close();
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  test("no more than a hundred are told, however many one message has", async () => {
    const many = Array.from({ length: 70 }, () => empty);
    const { handlers } = noting();
    await using echo = await startEcho(handlers, { definition: echoWith({ check: () => many }) });
    const two = await failureOf(echo.client.collect([message("1"), message("2")]));
    expect(two.text).toMatch(/and 97 more$/);
    const one = await failureOf(echo.client.collect([message("1")]));
    expect(one.text).toMatch(/and 67 more$/);
  });

  test("a handler that takes its time does not make the server check on, nor read on", async () => {
    let checks = 0;
    const reading = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    await using echo = await startEcho(
      {
        async collect(requests) {
          for await (const { requestId } of requests) {
            reading.resolve();
            if (requestId === "first") await release.promise;
          }
          return message("all");
        },
      },
      {
        definition: echoWith({
          check: (request) => {
            checks += 1;
            return checkMessage(request);
          },
        }),
      },
    );
    let made = 0;
    const requests = function* () {
      yield message("first");
      for (; made < 5_000; made += 1) yield message("", "x".repeat(10_000));
    };
    const call = failureOf(echo.client.collect(requests()));
    await reading.promise;
    const total = await settled(echo, () => made);
    expect(total).toBeLessThan(5_000);
    expect(checks).toBeLessThanOrEqual(101);
    release.resolve();
    expect((await call).text).toMatch(/and 97 more$/);
  });

  test("what is discarded is not kept", async () => {
    const release = Promise.withResolvers<void>();
    const seen: WeakRef<RequestInfo>[] = [];
    await using echo = await startEcho(
      {
        async collect(requests) {
          await release.promise;
          return message(String((await gather(requests)).length));
        },
      },
      {
        definition: echoWith({
          check: (request) => {
            seen.push(new WeakRef(request));
            return checkMessage(request);
          },
        }),
      },
    );
    const requests = function* () {
      yield message("");
      for (let made = 0; made < 5_000; made += 1) yield message("fine", "x".repeat(10_000));
    };
    const call = failureOf(echo.client.collect(requests()));
    expect(await settled(echo, () => seen.length)).toBe(5_001);
    collectGarbage();
    expect(seen.filter((each) => each.deref() !== undefined).length).toBeLessThan(100);
    release.resolve();
    expect((await call).violations).toEqual([at(0, empty)]);
  });

  test("a client that sends what is wrong and then cancels has cancelled", async () => {
    const outcome = Promise.withResolvers<unknown>();
    const reading = Promise.withResolvers<void>();
    await using echo = await startEcho(
      {
        async collect(requests) {
          const all = gather(requests);
          all.then(outcome.resolve, outcome.resolve);
          reading.resolve();
          return message(String((await all).length));
        },
      },
      { definition: checked },
    );
    const controller = new AbortController();
    const requests = async function* () {
      yield message("1");
      yield wrong;
      await reading.promise;
      controller.abort();
      await new Promise(() => undefined);
    };
    const { signal } = controller;
    expect((await failureOf(echo.client.collect(requests(), { signal }))).code).toBe(
      Code.CANCELLED,
    );
    expect(await outcome.promise).toMatchObject({ code: Code.CANCELLED });
    expect(await callAny(echo.client, "collect", {}, message("fine"))).toEqual(["1"]);
  });

  test("a stream that breaks off after what is wrong is no complete one", async () => {
    const outcome = Promise.withResolvers<unknown>();
    const read = Promise.withResolvers<void>();
    await using echo = await startEcho(
      {
        async collect(requests) {
          try {
            for await (const each of requests) if (each.requestId === "1") read.resolve();
          } catch (error) {
            outcome.resolve(error);
            throw error;
          }
          return message("all");
        },
      },
      { definition: checked },
    );
    const session = connect(`http://${echo.server.target}`);
    const stream = session.request({
      ":method": "POST",
      ":path": `/${checked.fullName}/Collect`,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => undefined);
    stream.write(frame(message("1")));
    await read.promise;
    stream.write(frame(wrong), () => {
      stream.close(constants.NGHTTP2_CANCEL);
    });
    expect(await outcome.promise).toMatchObject({ code: Code.CANCELLED });
    session.destroy();
  });
});

describe("chat", () => {
  test("the first message that breaks a rule ends it, and those before it are answered", async () => {
    const { seen, handlers } = noting();
    await using echo = await startEcho(handlers, { definition: checked });
    const requests = [message("1"), message("2"), wrong, message("4"), message("")];
    const answers: string[] = [];
    const read = async (): Promise<void> => {
      for await (const { requestId } of echo.client.chat(requests)) answers.push(requestId);
    };
    const error = await failureOf(read());
    expect(error).toMatchObject({
      code: Code.INVALID_ARGUMENT,
      violations: [at(2, tooLong), at(2, bad)],
    });
    expect(answers).toEqual(["re: 1", "re: 2"]);
    expect(seen).toEqual(["1", "2"]);
    expect(echo.log.filter(({ level }) => level >= 40)).toEqual([]);
  });

  test("it does not wait for the client's end", async () => {
    const { handlers } = noting();
    await using echo = await startEcho(handlers, { definition: checked });
    const requests = async function* () {
      yield message("1");
      yield message("");
      await new Promise(() => undefined);
    };
    const error = await failureOf(idsOf(echo.client.chat(requests())));
    expect(error.violations).toEqual([at(1, empty)]);
  });
});

/** Starts a server of the service whose `chat` answers messages that break rules. */
async function startStore(check = checkMessage) {
  const server = await serve({
    services: [
      implement(
        {
          ...StoreDefinition,
          methods: {
            ...StoreDefinition.methods,
            chat: { ...StoreDefinition.methods.chat, check },
          },
        },
        {
          ...handlersOf(async function* () {
            yield message("answer");
          }),
          async *chat(requests) {
            for await (const { request, violations } of requests) yield report(request, violations);
          },
        },
      ),
    ],
    signals: false,
    graceMs: 0,
    logger: createLogger({ name: "test", level: "silent" }),
  });
  const channel = createChannel({ target: server.target, services: [StoreDefinition] });
  return {
    client: createClient(StoreDefinition, { channel }),
    async [Symbol.asyncDispose]() {
      channel.close();
      await server.close();
    },
  };
}

function report(request: RequestInfo, violations: CheckedRequest<RequestInfo>["violations"]) {
  return message(request.requestId, violations.map(({ field }) => field).join());
}

describe("a handler that answers messages which break rules", () => {
  test("gets each message with what is wrong with it, by the message's own paths", async () => {
    await using store = await startStore();
    const requests = [message("1"), wrong, message(""), message("4")];
    expect(await gather(store.client.chat(requests))).toEqual([
      message("1"),
      message("far too long", "request_id,serving_data"),
      message("", "request_id"),
      message("4"),
    ]);
  });

  test("gets them in the same form where nothing can be wrong", async () => {
    const definition = echoWith({ invalidMessages: "ANSWER" });
    const seen: unknown[] = [];
    await using echo = await startEcho(
      handlersOf(async function* (requests) {
        for await (const each of requests) seen.push(each);
        yield message("answer");
      }),
      { definition },
    );
    expect(await callAny(echo.client, "chat", {}, message("1"))).toEqual(["answer"]);
    expect(seen).toEqual([{ request: message("1"), violations: [] }]);
  });

  test("is held back like any other", async () => {
    await using store = await startStore();
    let made = 0;
    const requests = function* () {
      for (; made < 5_000; made += 1) yield message("", "x".repeat(10_000));
    };
    const answers = store.client.chat(requests());
    expect((await answers.next()).value).toEqual(message("", "request_id"));
    await answers.return?.();
    expect(made).toBeLessThan(5_000);
  });
});

const defects = echoWith({
  check: ({ requestId }) => {
    if (requestId === "defect") throw new Error("secret of the rule");
    return undefined;
  },
});

describe.each(methods)("%s", (method) => {
  test("a check that throws is a defect of the server's, which lives on", async () => {
    const { handlers } = noting();
    await using echo = await startEcho(handlers, { definition: defects, development: false });
    const error = await failureOf(callAny(echo.client, method, {}, message("defect")));
    expect(error).toMatchObject({
      code: Code.INTERNAL,
      text: expect.stringMatching(/^internal error, correlation id \S{36}$/),
    });
    expect(echo.log.filter(({ level }) => level === 50)).toMatchObject([
      { err: { message: "secret of the rule" } },
    ]);
    await expect(callAny(echo.client, method, {}, message("fine"))).resolves.toHaveLength(1);
  });

  test("without a rule nothing is refused", async () => {
    const { handlers } = noting();
    await using echo = await startEcho(handlers, { definition: echoWith({}) });
    await expect(callAny(echo.client, method, {}, wrong)).resolves.toHaveLength(1);
  });

  test("violations of the handler's own reach the caller like those of the contract", async () => {
    const violations = [{ field: "request_id", description: "must be known" }];
    const own = handlersOf(() => {
      throw RpcError.invalidArgument(violations);
    });
    await using echo = await startEcho(own, { definition: checked, development: false });
    const error = await failureOf(callAny(echo.client, method));
    expect(error).toMatchObject({ code: Code.INVALID_ARGUMENT, violations });
  });
});

describe.each(["collect", "chat"] as const)("%s", (method) => {
  test.each([
    ["passes over", () => undefined],
    [
      "throws something else for",
      (error: unknown) => {
        throw new Error("wrapped", { cause: error });
      },
    ],
  ])("a handler that %s the refusal does not hide it", async (_, meet) => {
    const careless = handlersOf(async function* (requests) {
      try {
        await gather(requests);
      } catch (error) {
        meet(error);
      }
      yield message("stored");
    });
    await using echo = await startEcho(careless, { definition: checked });
    const call =
      method === "collect" ? echo.client.collect([wrong]) : gather(echo.client.chat([wrong]));
    expect(await failureOf(call)).toMatchObject({ code: Code.INVALID_ARGUMENT });
  });
});

test("an empty list of violations is none", async () => {
  const definition = echoWith({ check: () => [] });
  await using echo = await startEcho(noting().handlers, { definition });
  for (const method of methods) {
    await expect(callAny(echo.client, method)).resolves.toHaveLength(1);
  }
});

test("a handler that leaves before what is wrong answers as it likes", async () => {
  await using echo = await startEcho(
    {
      async collect(requests) {
        for await (const { requestId } of requests) return message(`only ${requestId}`);
        return message("none");
      },
    },
    { definition: checked },
  );
  const answer = await echo.client.collect([message("1"), wrong]);
  expect(answer).toEqual(message("only 1"));
});

/** Resolves with a number once it stays the same while other calls go to the server and back. */
async function settled({ channel }: EchoServer, count: () => number): Promise<number> {
  const health = createClient(HealthDefinition, { channel });
  let last = count();
  for (let unchanged = 0; unchanged < 20; ) {
    await health.check({});
    const now = count();
    unchanged = now === last ? unchanged + 1 : 0;
    last = now;
  }
  return last;
}
