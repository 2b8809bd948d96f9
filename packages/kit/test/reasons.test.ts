import { Metadata } from "@grpc/grpc-js";
import { describe, expect, test } from "@jest/globals";
import { createClient, isErrorOf } from "../src/client-index.ts";
import { type CallContext, Code, RpcError } from "../src/index.ts";
import { EchoDefinition } from "./echo.ts";
import {
  callAny,
  type EchoServer,
  type EchoServerOptions,
  failureOf,
  handlersOf,
  message,
  methods,
  startEcho,
  streamingMethods,
} from "./echo-server.ts";
import { echoWith } from "./policy.ts";

const domain = EchoDefinition.fullName;

const definition = echoWith({
  reasons: { NOT_THERE: Code.NOT_FOUND, SOLD_OUT: Code.FAILED_PRECONDITION },
});

/** A server whose handlers fail with what is made for each call. */
async function startFailing(
  failure: (call: CallContext) => unknown,
  options: EchoServerOptions = {},
): Promise<EchoServer> {
  return startEcho(
    handlersOf((_requests, call) => {
      throw failure(call);
    }),
    { definition, development: true, ...options },
  );
}

/** A status with a reason, as it is where it comes from another service. */
function withReason(code: Code, reason: string, whose: string): RpcError {
  return new RpcError(code, "as it is", {
    details: [{ type: "ErrorInfo", value: { reason, domain: whose, metadata: {} } }],
  });
}

const id = /correlation id ([0-9a-f-]{36})$/;

describe.each(methods)("%s", (method) => {
  const path = `/${domain}/${EchoDefinition.methods[method].name}`;

  test("a declared reason arrives with its code, its text and what goes along", async () => {
    const cause = new Error("the row is gone");
    await using echo = await startFailing((call) =>
      call.error("SOLD_OUT", "no more of p001", { metadata: { sku: "p001" }, cause }),
    );
    const error = await failureOf(callAny(echo.client, method));
    expect(error).toMatchObject({
      code: Code.FAILED_PRECONDITION,
      text: "no more of p001",
      reason: "SOLD_OUT",
      domain,
      details: [
        {
          type: "ErrorInfo",
          value: { reason: "SOLD_OUT", domain, metadata: { sku: "p001" } },
        },
      ],
    });
    expect(JSON.stringify(error)).not.toContain("row");
    expect(isErrorOf(definition, method, error)).toBe(true);
    // It is no defect: the log has it in detail only, with what caused it.
    expect(echo.log.slice(1)).toMatchObject([
      {
        level: 20,
        path,
        code: Code.FAILED_PRECONDITION,
        err: { message: expect.stringContaining("the row is gone") },
      },
    ]);
  });

  test("what the service maps an error of the domain's to knows the reasons, too", async () => {
    class NotThere extends Error {}
    await using echo = await startFailing(() => new NotThere("p001"), {
      toRpcError: (error, call: CallContext) =>
        error instanceof NotThere
          ? call.error("NOT_THERE", `there is no ${error.message}`, { cause: error })
          : undefined,
    });
    expect(await failureOf(callAny(echo.client, method))).toMatchObject({
      code: Code.NOT_FOUND,
      text: "there is no p001",
      reason: "NOT_THERE",
    });
  });

  /** What a handler must not answer with, and what is said of it in development. */
  const undeclared: [string, (call: CallContext) => unknown, string][] = [
    [
      "a reason that is not declared",
      (call) => call.error("ON_FIRE", "secret"),
      `${path} failed with the reason ON_FIRE, which its contract does not declare`,
    ],
    [
      "a reason that every object has",
      (call) => call.error("hasOwnProperty", "secret"),
      `${path} failed with the reason hasOwnProperty, which its contract does not declare`,
    ],
    [
      "a reason with another code",
      () => withReason(Code.ABORTED, "NOT_THERE", domain),
      `${path} failed with the reason NOT_THERE as ABORTED, but its contract declares it as NOT_FOUND`,
    ],
    [
      "a status without a reason",
      () => new RpcError(Code.NOT_FOUND, "secret"),
      `${path} failed as NOT_FOUND without a reason: its contract has to declare why it fails`,
    ],
    [
      "an INVALID_ARGUMENT without violations",
      () => new RpcError(Code.INVALID_ARGUMENT, "secret"),
      `${path} failed as INVALID_ARGUMENT without a reason: its contract has to declare why it fails`,
    ],
    [
      "what says that it is not authenticated",
      () => new RpcError(Code.UNAUTHENTICATED, "secret"),
      `${path} failed as UNAUTHENTICATED without a reason: its contract has to declare why it fails`,
    ],
    [
      "a status of another service, even where the reason has the same name",
      () => withReason(Code.NOT_FOUND, "NOT_THERE", "org.other.v1.OtherService"),
      `${path} failed as NOT_FOUND with the reason NOT_THERE of org.other.v1.OtherService: its contract has to declare why it fails`,
    ],
  ];

  test.each(undeclared)(
    "%s is a defect, and development says why",
    async (_name, failure, text) => {
      await using echo = await startFailing(failure);
      const error = await failureOf(callAny(echo.client, method));
      const [, correlationId = ""] = id.exec(error.text) ?? [];
      expect(error).toMatchObject({
        code: Code.INTERNAL,
        text: `${text}, correlation id ${correlationId}`,
        reason: undefined,
      });
      expect(echo.log.slice(1)).toMatchObject([
        { level: 50, msg: text, path, correlationId, err: { type: "RpcError" } },
      ]);
    },
  );

  test.each(undeclared)("of %s production tells only the log", async (_name, failure, text) => {
    await using echo = await startFailing(failure, { development: false });
    const error = await failureOf(callAny(echo.client, method));
    const [, correlationId = ""] = id.exec(error.text) ?? [];
    expect(error).toMatchObject({
      code: Code.INTERNAL,
      text: `internal error, correlation id ${correlationId}`,
      details: [{ type: "RequestInfo", value: { requestId: correlationId, servingData: "" } }],
    });
    expect(JSON.stringify(error.metadata?.toJSON())).not.toMatch(/secret|contract/);
    expect(echo.log.slice(1)).toMatchObject([{ level: 50, msg: text, path, correlationId }]);
  });

  test("what can become of any call needs no declaration", async () => {
    const codes = [
      Code.CANCELLED,
      Code.DEADLINE_EXCEEDED,
      Code.RESOURCE_EXHAUSTED,
      Code.UNAVAILABLE,
    ];
    const other = "org.other.v1.OtherService";
    let failure: RpcError | undefined;
    await using echo = await startFailing(() => failure, { development: false });
    for (const code of codes) {
      for (failure of [new RpcError(code, "as it is"), withReason(code, "BUSY", other)]) {
        const error = await failureOf(callAny(echo.client, method));
        expect(error).toMatchObject({ code, text: "as it is" });
      }
    }
    expect(echo.log.filter(({ level }) => level >= 40)).toEqual([]);
  });

  test("UNAVAILABLE tells when to try again, as the service or else as its contract says", async () => {
    const retry = {
      maxAttempts: 2,
      initialBackoffMs: 1,
      maxBackoffMs: 2_500,
      backoffMultiplier: 2,
      retryableCodes: [Code.UNAVAILABLE],
      throttling: { maxTokens: 10, tokenRatio: 0.1 },
    };
    const trailers = new Metadata();
    trailers.set("load", "99");
    const cause = new Error("the pool is empty");
    const bare = new RpcError(Code.UNAVAILABLE, "try again", { metadata: trailers, cause });
    for (const [contract, expected] of [
      [echoWith({ service: { retry } }), 2_500],
      [echoWith({}), 1_000],
      [EchoDefinition, 1_000],
    ] as const) {
      await using echo = await startFailing(() => bare, { definition: contract });
      const error = await failureOf(callAny(echo.client, method));
      expect(error).toMatchObject({
        code: Code.UNAVAILABLE,
        text: "try again",
        retryAfterMs: expected,
      });
      expect(error.metadata?.get("load")).toEqual(["99"]);
      await using other = await startFailing(
        () => RpcError.unavailable("try again", { retryAfterMs: 70 }),
        { definition: contract },
      );
      expect((await failureOf(callAny(other.client, method))).retryAfterMs).toBe(70);
    }
  });

  test("what a handler says once it has been told to stop is nobody's business", async () => {
    const told = Promise.withResolvers<void>();
    await using echo = await startEcho(
      handlersOf(async function* (_requests, { signal }) {
        yield* [];
        const { promise, resolve } = Promise.withResolvers<void>();
        signal.addEventListener("abort", () => {
          resolve();
        });
        told.resolve();
        await promise;
        throw new RpcError(Code.ABORTED, "stopped");
      }),
      { definition, graceMs: 20_000 },
    );
    const controller = new AbortController();
    const call = failureOf(callAny(echo.client, method, { signal: controller.signal }));
    await told.promise;
    controller.abort();
    expect((await call).code).toBe(Code.CANCELLED);
    await echo.server.close();
    expect(echo.log.filter(({ level }) => level >= 40)).toEqual([]);
  });

  test.each([
    [Code.UNAVAILABLE, Code.UNAVAILABLE, "a service that this one needs did not answer"],
    [
      Code.RESOURCE_EXHAUSTED,
      Code.RESOURCE_EXHAUSTED,
      "a service that this one needs did not answer",
    ],
    [Code.INVALID_ARGUMENT, Code.INTERNAL, expect.stringContaining("failed as INVALID_ARGUMENT")],
  ])(
    "what another service says of our request to it (%s) is not said of the caller's",
    async (code, expected, text) => {
      const trailer = new Metadata();
      trailer.set("x-internal", "secret");
      const violations = [{ field: "their_field", description: "must not be empty" }];
      await using other = await startEcho(
        handlersOf(() => {
          const { details } = RpcError.invalidArgument(violations);
          throw new RpcError(code, "theirs", { details, metadata: trailer });
        }),
      );
      const theirs = await failureOf(callAny(other.client, method));
      expect(theirs.violations).toEqual(violations);
      await using echo = await startFailing(() => theirs);
      const error = await failureOf(callAny(echo.client, method));
      expect(error).toMatchObject({ code: expected, text, violations: [] });
      expect(error.metadata?.get("x-internal")).toEqual([]);
    },
  );

  test("without a contract any status passes", async () => {
    await using echo = await startFailing(() => new RpcError(Code.NOT_FOUND, "not here"), {
      definition: EchoDefinition,
    });
    expect(await failureOf(callAny(echo.client, method))).toMatchObject({
      code: Code.NOT_FOUND,
      text: "not here",
    });
  });

  test("a service's own name is the domain, whatever name it is called by", async () => {
    const aliased = echoWith({
      reasons: { GONE: Code.NOT_FOUND },
      service: { aliases: ["echo.Former"] },
    });
    await using echo = await startFailing((call) => call.error("GONE", "gone"), {
      definition: aliased,
    });
    const former = { ...aliased, fullName: "echo.Former" };
    const client = createClient(former, { channel: echo.channel });
    const error = await failureOf(callAny(client, method));
    expect(error).toMatchObject({ code: Code.NOT_FOUND, reason: "GONE", domain });
    expect(isErrorOf(aliased, method, error)).toBe(true);
  });
});

test.each(streamingMethods)("%s may fail with a reason after some answers", async (method) => {
  await using echo = await startEcho(
    handlersOf(async function* (_requests, call) {
      yield message("1");
      throw call.error("SOLD_OUT", "no more");
    }),
    { definition },
  );
  const got: string[] = [];
  const read = async (): Promise<void> => {
    const answers = method === "expand" ? echo.client.expand({}) : echo.client.chat([{}]);
    for await (const { requestId } of answers) got.push(requestId);
  };
  expect(await failureOf(read())).toMatchObject({ reason: "SOLD_OUT" });
  expect(got).toEqual(["1"]);
});

test("a reason of one method is none of another's", async () => {
  const only = echoWith({ reasons: { SOLD_OUT: Code.FAILED_PRECONDITION } }).methods.echo;
  const mixed = { ...definition, methods: { ...echoWith({}).methods, echo: only } };
  await using echo = await startFailing((call) => call.error("SOLD_OUT", "no more"), {
    definition: mixed,
  });
  expect((await failureOf(callAny(echo.client, "echo"))).reason).toBe("SOLD_OUT");
  const error = await failureOf(callAny(echo.client, "collect"));
  expect(error.text).toMatch(/which its contract does not declare/);
  expect(
    isErrorOf(mixed, "collect", withReason(Code.FAILED_PRECONDITION, "SOLD_OUT", domain)),
  ).toBe(false);
});

test("production is what the environment says, where the server is not told", async () => {
  const texts: string[] = [];
  const before = process.env["NODE_ENV"];
  try {
    for (const environment of ["production", "test", undefined]) {
      if (environment === undefined) delete process.env["NODE_ENV"];
      else process.env["NODE_ENV"] = environment;
      await using echo = await startEcho({}, { definition });
      texts.push((await failureOf(echo.client.echo({}))).text.replace(id, "id"));
    }
  } finally {
    process.env["NODE_ENV"] = before;
  }
  const why = `/${domain}/Echo failed as UNIMPLEMENTED without a reason: its contract has to declare why it fails, id`;
  expect(texts).toEqual(["internal error, id", why, why]);
});

describe("isErrorOf", () => {
  const declared = withReason(Code.NOT_FOUND, "NOT_THERE", domain);

  test("knows a failure of a method for one of its reasons", () => {
    expect(isErrorOf(definition, "echo", declared)).toBe(true);
    expect(declared.reason).toBe("NOT_THERE");
  });

  test.each<[string, unknown]>([
    ["a reason of another service", withReason(Code.NOT_FOUND, "NOT_THERE", "other")],
    ["a reason that is not declared", withReason(Code.NOT_FOUND, "ON_FIRE", domain)],
    ["a reason that every object has", withReason(Code.NOT_FOUND, "toString", domain)],
    ["no reason", new RpcError(Code.NOT_FOUND, "not here")],
    ["a server that is not there", new RpcError(Code.UNAVAILABLE, "try again")],
    ["another error", Object.assign(new Error("failed"), { domain, reason: "NOT_THERE" })],
    ["what only looks like it", { code: Code.NOT_FOUND, domain, reason: "NOT_THERE" }],
    ["nothing", undefined],
    ["null", null],
    ["a text", "NOT_THERE"],
  ])("knows that %s is none", (_name, error) => {
    expect(isErrorOf(definition, "echo", error)).toBe(false);
  });

  test("knows that a method without a contract has no reasons", () => {
    expect(isErrorOf(EchoDefinition, "echo", declared)).toBe(false);
  });
});
