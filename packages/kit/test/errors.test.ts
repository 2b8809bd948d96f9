import { describe, expect, test } from "@jest/globals";
import { Metadata } from "@grpc/grpc-js";
import { createClient } from "../src/client-index.ts";
import { Code, codeName, createLogger, implement, RpcError, serve } from "../src/index.ts";
import { createChannel } from "./create-channel.ts";
import { CodedDefinition, EchoDefinition } from "./echo.ts";
import {
  callAny,
  type EchoServer,
  failureOf,
  gather,
  handlersOf,
  message,
  methods,
  startEcho,
  streamingMethods,
} from "./echo-server.ts";

const internal = /^internal error, correlation id ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** Handlers that throw, each in the way of its kind. */
const throwing = (thrown: unknown) =>
  handlersOf(() => {
    throw thrown;
  });

/** What the caller of a handler that throws something unknown gets, and what is logged of it. */
function expectDefect(error: RpcError, { log }: EchoServer, path: string) {
  expect(error.code).toBe(Code.INTERNAL);
  const [, id] = internal.exec(error.text) ?? [];
  expect(error.details).toEqual([
    { type: "RequestInfo", value: { requestId: id, servingData: "" } },
  ]);
  expect(error.metadata?.getMap()).not.toHaveProperty("stack");
  const lines = log.filter(({ msg }) => msg === "handler failed");
  expect(lines).toMatchObject([{ level: 50, path, correlationId: id }]);
  return lines[0]?.err;
}

describe.each(methods)("%s", (method) => {
  const path = `/org.kit.test.v1.EchoService/${EchoDefinition.methods[method].name}`;

  test("an unknown error reaches the caller as a fixed text, and the log with its stack", async () => {
    const cause = new Error("the password is hunter2");
    await using echo = await startEcho(throwing(new TypeError("secret details", { cause })));
    const trailers: Metadata[] = [];
    const error = await failureOf(
      callAny(echo.client, method, { onTrailer: (trailer) => void trailers.push(trailer) }),
    );
    expect(expectDefect(error, echo, path)).toMatchObject({
      type: "TypeError",
      message: expect.stringContaining("secret details"),
      stack: expect.stringContaining("errors.test.ts"),
    });
    const sent = JSON.stringify([error, trailers.map((each) => each.toJSON())]);
    expect(sent).toContain("correlation id");
    expect(sent).not.toMatch(/secret|hunter2|TypeError|errors\.test/);
    // Nor inside of the encoded details.
    const bytes = Buffer.concat(
      trailers
        .flatMap((each) => each.get("grpc-status-details-bin"))
        .map((each) => Buffer.from(each)),
    );
    expect(bytes.toString("latin1")).toContain("google.rpc.RequestInfo");
    expect(bytes.toString("latin1")).not.toMatch(/secret|hunter2|TypeError/);
  });

  test.each([
    ["a text", "just a text"],
    ["nothing", undefined],
    ["null", null],
    ["a number", 42],
    ["an object", { code: 5, details: "looks like a status of grpc-js" }],
    ["an error with a code", Object.assign(new Error("ENOENT"), { code: 5, details: "no file" })],
    ["what cannot be logged", Object.defineProperty({}, "message", { get: () => explode() })],
    ["a bigint in an error", Object.assign(new Error("big"), { id: 1n })],
    ["an error that refers to itself", circular()],
  ])("%s that is thrown is a defect", async (_name, thrown) => {
    await using echo = await startEcho(throwing(thrown));
    const error = await failureOf(callAny(echo.client, method));
    expect(error).toMatchObject({ code: Code.INTERNAL, text: expect.stringMatching(internal) });
    const [, id] = internal.exec(error.text) ?? [];
    const logged = echo.log.filter(({ level }) => level === 50);
    expect(logged).toMatchObject([
      { path, correlationId: id, msg: expect.stringMatching("handler failed") },
    ]);
  });

  test.each([
    ["OK", new RpcError(Code.OK, "nonsense")],
    ["no code", Object.assign(new RpcError(Code.ABORTED, "nonsense"), { code: NaN })],
    ["a number that is no code", Object.assign(new RpcError(Code.ABORTED, ""), { code: 99 })],
    ["half a code", Object.assign(new RpcError(Code.ABORTED, "nonsense"), { code: 5.5 })],
  ])("a status of %s is a defect, too", async (_name, status) => {
    await using echo = await startEcho(throwing(status));
    const error = await failureOf(callAny(echo.client, method));
    expect(expectDefect(error, echo, path)).toMatchObject({ type: "RpcError" });
  });

  test("each code arrives as it is", async () => {
    const codes = Object.values(Code).filter((code) => typeof code === "number");
    expect(codes).toHaveLength(17);
    await using echo = await startEcho(
      handlersOf((_requests, call) => {
        const name = String(call.metadata.get("code")[0]);
        const code = codes.find((each) => codeName(each) === name) ?? Code.OK;
        throw new RpcError(code, `it is ${name}`);
      }),
    );
    for (const code of codes.filter((each) => each !== Code.OK)) {
      const metadata = new Metadata();
      metadata.set("code", codeName(code));
      const error = await failureOf(callAny(echo.client, method, { metadata }));
      expect(error).toMatchObject({ code, text: `it is ${codeName(code)}` });
    }
    expect(echo.log.filter(({ level }) => level >= 40)).toEqual([]);
  });

  test("an error of the domain's becomes what the service maps it to", async () => {
    class NotFound extends Error {}
    const toRpcError = (error: unknown): RpcError | undefined =>
      error instanceof NotFound
        ? new RpcError(Code.NOT_FOUND, "no such product", { cause: error })
        : undefined;
    await using known = await startEcho(throwing(new NotFound("sku 7")), { toRpcError });
    const error = await failureOf(callAny(known.client, method));
    expect(error).toMatchObject({ code: Code.NOT_FOUND, text: "no such product" });
    const failed = known.log.filter(({ msg }) => msg === "call failed");
    expect(failed).toMatchObject([
      { level: 20, path, code: Code.NOT_FOUND, err: { message: "sku 7" } },
    ]);

    await using unknown = await startEcho(throwing(new Error("other")), { toRpcError });
    expect((await failureOf(callAny(unknown.client, method))).code).toBe(Code.INTERNAL);

    // A status that the handler throws itself is not mapped again.
    await using status = await startEcho(throwing(new RpcError(Code.ABORTED, "as it is")), {
      toRpcError: () => new RpcError(Code.UNKNOWN, "mapped"),
    });
    const passed = await failureOf(callAny(status.client, method));
    expect(passed).toMatchObject({ code: Code.ABORTED, text: "as it is" });
  });

  test("a mapping that throws is a defect of its own", async () => {
    await using echo = await startEcho(throwing(new Error("of the handler")), {
      toRpcError() {
        throw new Error("of the mapping");
      },
    });
    const error = await failureOf(callAny(echo.client, method));
    expect(expectDefect(error, echo, path)).toMatchObject({ message: "of the handler" });
    expect(echo.log.filter(({ msg }) => msg === "toRpcError failed")).toMatchObject([
      { level: 50, err: { message: "of the mapping" } },
    ]);
  });

  test.each([
    [
      "outside of ASCII",
      "Größe „XL“ ist vergriffen — 在庫切れ 🎉",
      /^Größe „XL“ ist vergriffen — 在庫切れ 🎉$/,
    ],
    ["with percent signs", "100% of %41 and %zz", /^100% of %41 and %zz$/],
    ["of several lines", "one\r\ntwo\tthree\0", /^one\r\ntwo\tthree\0$/],
    ["without anything", "", /^$/],
    ["with half a surrogate pair", "a \ud83c z", /^a \ufffd z$/],
    ["of 20 KB", "x".repeat(20_000), /^x{2039}…$/],
    ["of 20 KB outside of ASCII", "漢".repeat(7_000), /^漢{226}…$/],
    ["of 20 KB of emoji", "🎉".repeat(5_000), /^(?:🎉){169}…$/u],
  ])("a text %s arrives", async (_name, text, expected) => {
    await using echo = await startEcho(throwing(new RpcError(Code.NOT_FOUND, text)));
    const error = await failureOf(callAny(echo.client, method));
    expect(error.code).toBe(Code.NOT_FOUND);
    expect(error.text).toMatch(expected);
  });

  test("metadata that HTTP/2 or gRPC need themselves are left out", async () => {
    const names = [
      "connection",
      "te",
      "upgrade",
      "grpc-status",
      "grpc-message",
      "content-type",
      "a:b",
    ];
    const fill = (metadata: Metadata): void => {
      for (const name of names) metadata.set(name, "5");
      metadata.set("fine", "yes");
    };
    await using echo = await startEcho(
      handlersOf(async function* (requests, call) {
        fill(call.header);
        fill(call.trailer);
        for await (const request of requests) {
          if (request.requestId !== "fail") {
            yield request;
            continue;
          }
          const metadata = new Metadata();
          fill(metadata);
          throw new RpcError(Code.ABORTED, "failed", { metadata });
        }
      }),
    );
    const metadata = new Metadata();
    fill(metadata);
    const trailers: Metadata[] = [];
    const headers: Metadata[] = [];
    const options = {
      metadata,
      onHeader: (header: Metadata) => void headers.push(header),
      onTrailer: (trailer: Metadata) => void trailers.push(trailer),
    };
    expect(await callAny(echo.client, method, options)).toEqual(["request"]);
    const error = await failureOf(callAny(echo.client, method, options, message("fail")));
    expect(error).toMatchObject({ code: Code.ABORTED, text: "failed" });
    expect([...headers, ...trailers].map((each) => each.get("fine")[0])).toEqual([
      "yes",
      "yes",
      "yes",
      "yes, yes",
    ]);
    for (const received of [...headers, ...trailers]) {
      for (const name of names) expect(received.get(name)).not.toContain("5");
    }
  });

  test("of what HTTP/2 sends once, the last counts, as when two downstream services are passed on", async () => {
    const names = ["date", "retry-after", "user-agent", "twice"];
    const fill = (metadata: Metadata): void => {
      for (const name of names) metadata.add(name, "1");
      for (const name of names) metadata.add(name, "2");
    };
    await using echo = await startEcho(
      handlersOf(async function* (_requests, call) {
        fill(call.header);
        fill(call.trailer);
        yield message(call.metadata.get("twice").join("; "));
      }),
    );
    const metadata = new Metadata();
    fill(metadata);
    const received: Metadata[] = [];
    const keep = (each: Metadata): void => void received.push(each);
    const options = { metadata, onHeader: keep, onTrailer: keep };
    expect(await callAny(echo.client, method, options)).toEqual(["1, 2"]);
    expect(received.map((each) => each.get("retry-after"))).toEqual([["2"], ["2"]]);
    expect(received.map((each) => each.get("twice"))).toEqual([["1, 2"], ["1, 2"]]);
  });

  test("what the caller's own callbacks throw is what its call fails with", async () => {
    await using echo = await startEcho(
      handlersOf(async function* () {
        yield message("answer");
      }),
    );
    const { client } = echo;
    const failure = new Error("of the caller");
    const fails = (): never => {
      throw failure;
    };
    await expect(callAny(client, method, { onHeader: fails })).rejects.toBe(failure);
    await expect(callAny(client, method, { onTrailer: fails })).rejects.toBe(failure);
    expect(await callAny(client, method)).toEqual(["answer"]);
  });

  test("an answer that cannot be encoded fails the call and is logged", async () => {
    const log: string[] = [];
    const wrong = { code: "seven", message: "", details: [] };
    const right = { code: 7, message: "", details: [] };
    const answer = (fails: boolean) => (fails ? wrong : right);
    const service = implement(CodedDefinition, {
      // @ts-expect-error must not compile: a text is no number
      echo: async ({ code }) => answer(code === 1),
      // @ts-expect-error must not compile: a text is no number
      async *expand({ code }) {
        yield answer(code === 1);
      },
      // @ts-expect-error must not compile: a text is no number
      async collect(requests) {
        for await (const { code } of requests) return answer(code === 1);
        return right;
      },
      // @ts-expect-error must not compile: a text is no number
      async *chat(requests) {
        for await (const { code } of requests) yield answer(code === 1);
      },
    });
    const destination = { write: (line: string) => void log.push(line) };
    const logger = createLogger({ name: "test", level: "error", destination });
    const server = await serve({ services: [service], signals: false, graceMs: 0, logger });
    const channel = createChannel({ target: server.target });
    const client = createClient(CodedDefinition, { channel });
    const call = async (code: number): Promise<unknown[]> => {
      switch (method) {
        case "echo":
          return [await client.echo({ code })];
        case "collect":
          return [await client.collect([{ code }])];
        case "expand":
          return gather(client.expand({ code }));
        case "chat":
          return gather(client.chat([{ code }]));
      }
    };
    expect(await failureOf(call(1))).toMatchObject({ code: Code.INTERNAL });
    expect(log).toHaveLength(1);
    expect(log[0]).toContain("the handler's answer cannot be encoded");
    expect(log[0]).toContain("invalid int32");
    expect(await call(2)).toMatchObject([{ code: 7 }]);
    channel.close();
    await server.close();
  });
});

describe.each(streamingMethods)("%s", (method) => {
  test("an unknown error after some answers is a defect like any other", async () => {
    await using echo = await startEcho(
      handlersOf(async function* () {
        yield message("1");
        throw new Error("secret");
      }),
    );
    const error = await failureOf(callAny(echo.client, method));
    const path = `/org.kit.test.v1.EchoService/${EchoDefinition.methods[method].name}`;
    expect(expectDefect(error, echo, path)).toMatchObject({ message: "secret" });
  });

  test("a handler that gives no stream is a defect", async () => {
    await using echo = await startEcho({
      // @ts-expect-error must not compile: a promise is no stream
      expand: async () => message("one"),
      // @ts-expect-error must not compile: nothing is no stream
      chat: () => undefined,
    });
    expect((await failureOf(callAny(echo.client, method))).code).toBe(Code.INTERNAL);
    expect(echo.log.filter(({ msg }) => msg === "handler failed")).toMatchObject([
      { err: { type: "TypeError", message: expect.stringContaining("no async iterable") } },
    ]);
  });

  test("an error in the clean-up of a handler that was left is no defect", async () => {
    const cleaned = Promise.withResolvers<void>();
    await using echo = await startEcho(
      handlersOf(async function* () {
        try {
          for (;;) {
            yield message("more");
            await new Promise(setImmediate);
          }
        } finally {
          cleaned.resolve();
          // oxlint-disable-next-line no-unsafe-finally -- this is what the test is about
          throw new Error("of the clean-up");
        }
      }),
    );
    const stream =
      method === "expand" ? echo.client.expand({}) : echo.client.chat([message("request")]);
    await stream.next();
    await stream.return?.();
    await cleaned.promise;
    await echo.server.close();
    expect(echo.log.filter(({ level }) => level >= 40)).toEqual([]);
  });
});

test.each(["echo", "collect"] as const)(
  "what %s throws after its call was cancelled is no defect, although it asked for no signal",
  async (method) => {
    const started = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const late = async (): Promise<never> => {
      started.resolve();
      await release.promise;
      throw new Error("too late");
    };
    await using echo = await startEcho({ echo: late, collect: late }, { graceMs: 20_000 });
    const controller = new AbortController();
    const call = failureOf(callAny(echo.client, method, { signal: controller.signal }));
    await started.promise;
    controller.abort();
    await call;
    // On the same connection this comes after the cancellation.
    await failureOf(callAny(echo.client, "expand"));
    release.resolve();
    await echo.server.close();
    expect(echo.log.filter(({ level }) => level >= 40)).toEqual([]);
  },
);

test("a status of a downstream service passes through with all that it has", async () => {
  const details = [
    { type: "ErrorInfo", value: { reason: "SOLD_OUT", domain: "shop", metadata: { sku: "7" } } },
  ] as const;
  const metadata = new Metadata();
  metadata.set("retry-hint", "tomorrow");
  await using down = await startEcho(
    throwing(
      new RpcError(Code.FAILED_PRECONDITION, "sold out", { details: [...details], metadata }),
    ),
  );
  await using up = await startEcho({ echo: (request) => down.client.echo(request) });
  const error = await failureOf(up.client.echo({}));
  expect(error).toMatchObject({
    code: Code.FAILED_PRECONDITION,
    text: "sold out",
    reason: "SOLD_OUT",
    details,
  });
  expect(error.metadata?.get("retry-hint")).toEqual(["tomorrow"]);
});

test("violations are told in text and as details", () => {
  const violations = [1, 2, 3, 4, 5].map((each) => ({
    field: `requests[${each}].name`,
    description: "must not be empty",
  }));
  const error = RpcError.invalidArgument(violations);
  expect(error).toMatchObject({
    code: Code.INVALID_ARGUMENT,
    text: "requests[1].name: must not be empty; requests[2].name: must not be empty; requests[3].name: must not be empty; and 2 more",
    violations,
  });
  expect(RpcError.invalidArgument(violations.slice(0, 3)).text).not.toContain("more");
  expect(RpcError.invalidArgument([])).toMatchObject({ text: "", violations: [] });
});

test("codes have names", () => {
  expect(codeName(Code.OK)).toBe("OK");
  expect(codeName(Code.UNAUTHENTICATED)).toBe("UNAUTHENTICATED");
  expect(codeName(99)).toBe("99");
});

function explode(): never {
  throw new Error("cannot be read");
}

function circular(): Error {
  const error = new Error("around");
  error.cause = error;
  return Object.assign(error, { self: error });
}

test("an UNAVAILABLE keeps the details that its handler has encoded itself", async () => {
  const metadata = new Metadata();
  const encoded = Buffer.from("080e", "hex");
  metadata.set("grpc-status-details-bin", encoded);
  await using echo = await startEcho({
    echo: () => {
      throw new RpcError(Code.UNAVAILABLE, "not now", { metadata });
    },
  });
  const error = await failureOf(callAny(echo.client, "echo"));
  expect(error).toMatchObject({ code: Code.UNAVAILABLE, text: "not now", details: [] });
  expect(error.metadata?.get("grpc-status-details-bin")).toEqual([encoded]);
});
