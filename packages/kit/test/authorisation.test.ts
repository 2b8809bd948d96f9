import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { type Channel, Metadata } from "@grpc/grpc-js";
import { createClient } from "../src/client-index.ts";
import type { RequestInfo } from "../src/gen/google/rpc/error_details.ts";
import { ServerReflectionDefinition } from "../src/gen/grpc/reflection/v1/reflection.ts";
import {
  HealthCheckResponse_ServingStatus,
  HealthDefinition,
} from "../src/gen/health/v1/health.ts";
import {
  type Authenticate,
  Code,
  type Credentials,
  type Principal,
  RpcError,
} from "../src/index.ts";
import {
  callAny,
  type EchoClient,
  failureOf,
  handlersOf,
  idsOf,
  message,
  methods,
  startEcho,
} from "./echo-server.ts";
import { checkMessage, type ContractOptions, echoWith } from "./policy.ts";

/** Knows whoever sends `authorization: <name> <scopes>`. */
const byHeader = ({ metadata }: Credentials): Principal | undefined => {
  const [subject, ...scopes] = String(metadata.get("authorization")[0] ?? "").split(" ");
  return subject ? { subject, scopes: new Set(scopes) } : undefined;
};

/** The ways to answer an authenticator has. */
const ways: readonly [string, Authenticate][] = [
  ["at once", byHeader],
  ["with a promise", async (credentials) => byHeader(credentials)],
  ["with something like a promise", (credentials) => likePromise(byHeader(credentials))],
];

/** A promise of a library's own, or of another realm: no instance of `Promise`. */
function likePromise<T>(value: T): Promise<T> {
  const promise = Promise.resolve(value);
  return {
    // oxlint-disable-next-line unicorn/no-thenable -- That is what it is.
    then: promise.then.bind(promise),
    catch: promise.catch.bind(promise),
    finally: promise.finally.bind(promise),
    [Symbol.toStringTag]: "Promise",
  };
}

function as(credentials: string): { readonly metadata: Metadata } {
  const metadata = new Metadata();
  metadata.set("authorization", credentials);
  return { metadata };
}

/** A server whose handlers say who called, and how often they were reached. */
async function startGuarded(authenticate: Authenticate, contract: ContractOptions = {}) {
  const reached: (Principal | undefined)[] = [];
  const echo = await startEcho(
    handlersOf(async function* (_requests, { principal }) {
      reached.push(principal);
      yield message(principal?.subject ?? "nobody");
    }),
    {
      authenticate,
      definition: echoWith({ public: false, scopes: ["goods.read"], ...contract }),
      development: false,
    },
  );
  return Object.assign(echo, { reached });
}

function fail(error: unknown): never {
  throw error;
}

const never = (): never => fail(new Error("the handler was reached"));

function healthOf(channel: Channel) {
  return createClient(HealthDefinition, { channel });
}

const nameless = {
  code: Code.UNAUTHENTICATED,
  text: "the call has no valid credentials",
  details: [],
};

describe.each(methods)("%s", (method) => {
  describe.each(ways)("where the authenticator answers %s", (_way, authenticate) => {
    test("a caller without credentials is unauthenticated, and the handler does not run", async () => {
      await using echo = await startGuarded(authenticate);
      expect(await failureOf(callAny(echo.client, method))).toMatchObject(nameless);
      expect(echo.reached).toEqual([]);
      expect(echo.log.filter(({ level }) => level >= 40)).toEqual([]);
    });

    test("a caller without a scope is told which one", async () => {
      await using echo = await startGuarded(authenticate);
      const error = await failureOf(callAny(echo.client, method, as("ann goods.write")));
      expect(error).toMatchObject({
        code: Code.PERMISSION_DENIED,
        text: 'the caller lacks the scope "goods.read"',
        reason: "SCOPE_MISSING",
        domain: "org.kit.test.v1.EchoService",
        details: [{ type: "ErrorInfo", value: { metadata: { scopes: "goods.read" } } }],
      });
      expect(echo.reached).toEqual([]);
      expect(echo.log.filter(({ level }) => level >= 40)).toEqual([]);
    });

    test("a caller with the scope reaches the handler, which knows who it is", async () => {
      await using echo = await startGuarded(authenticate);
      const options = as("ann goods.read other");
      expect(await callAny(echo.client, method, options)).toEqual(["ann"]);
      expect(echo.reached).toEqual([{ subject: "ann", scopes: new Set(["goods.read", "other"]) }]);
    });

    test("who is known needs no scope where the contract asks for none", async () => {
      await using echo = await startGuarded(authenticate, { scopes: [] });
      expect(await failureOf(callAny(echo.client, method))).toMatchObject(nameless);
      expect(await callAny(echo.client, method, as("ann"))).toEqual(["ann"]);
    });
  });

  test("all scopes are needed, and those that lack are told", async () => {
    await using echo = await startGuarded(byHeader, { scopes: ["a", "b", "c"] });
    const error = await failureOf(callAny(echo.client, method, as("ann b")));
    expect(error).toMatchObject({
      code: Code.PERMISSION_DENIED,
      text: 'the caller lacks the scopes "a" and "c"',
      details: [{ type: "ErrorInfo", value: { metadata: { scopes: "a c" } } }],
    });
    // A scope is granted as a whole: no part of it, nor one that it is a part of.
    for (const scopes of ["a b", "ab c", "A B C", "a,b,c", "a.b.c"]) {
      const { code } = await failureOf(callAny(echo.client, method, as(`ann ${scopes}`)));
      expect(code).toBe(Code.PERMISSION_DENIED);
    }
    expect(echo.reached).toEqual([]);
    expect(await callAny(echo.client, method, as("ann c a b"))).toEqual(["ann"]);
  });

  test("a public method asks nobody", async () => {
    let asked = 0;
    const authenticate = (): undefined => void (asked += 1);
    await using echo = await startGuarded(authenticate, { public: true, scopes: [] });
    expect(await callAny(echo.client, method)).toEqual(["nobody"]);
    expect(await callAny(echo.client, method, as("ann"))).toEqual(["nobody"]);
    expect(asked).toBe(0);
  });

  test("without an authenticator nobody is asked", async () => {
    await using echo = await startEcho(
      handlersOf(async function* (_requests, { principal }) {
        yield message(principal?.subject ?? "nobody");
      }),
      { definition: echoWith({ public: false, scopes: ["goods.read"] }) },
    );
    expect(await callAny(echo.client, method)).toEqual(["nobody"]);
  });

  const refusal = new RpcError(Code.UNAUTHENTICATED, "the token has expired");
  test.each<[string, Authenticate]>([
    ["throws", () => fail(refusal)],
    ["rejects", () => Promise.reject(refusal)],
  ])("a status that the authenticator %s reaches the caller", async (_name, authenticate) => {
    for (const development of [true, false]) {
      await using echo = await startEcho(handlersOf(never), {
        authenticate,
        development,
        definition: echoWith({ public: false }),
      });
      expect(await failureOf(callAny(echo.client, method))).toMatchObject({
        code: Code.UNAUTHENTICATED,
        text: "the token has expired",
      });
      expect(echo.log.filter(({ level }) => level >= 40)).toEqual([]);
    }
  });

  test.each<[string, Authenticate]>([
    ["throws", () => fail(new Error("secret key"))],
    ["rejects", () => Promise.reject(new Error("secret key"))],
  ])("any other error that it %s reaches only the log", async (_name, authenticate) => {
    for (const development of [true, false]) {
      await using echo = await startEcho(handlersOf(never), {
        authenticate,
        development,
        definition: echoWith({ public: false }),
      });
      const error = await failureOf(callAny(echo.client, method));
      expect(error.code).toBe(Code.INTERNAL);
      const id = /^internal error, correlation id (\S{36})$/.exec(error.text)?.[1];
      expect(JSON.stringify([error, error.metadata?.toJSON()])).not.toContain("secret");
      expect(echo.log.filter(({ level }) => level >= 40)).toMatchObject([
        { level: 50, correlationId: id, err: { message: "secret key" } },
      ]);
    }
  });

  test("an authenticator that answers with nonsense lets nobody in", async () => {
    const nonsense: unknown[] = [null, {}, "ann", true, { subject: "ann", scopes: ["goods.read"] }];
    let next: unknown;
    // @ts-expect-error must not compile: it is no principal
    const authenticate: Authenticate = () => next;
    await using echo = await startGuarded(authenticate);
    for (next of nonsense) {
      expect((await failureOf(callAny(echo.client, method))).code).toBe(Code.INTERNAL);
    }
    expect(echo.reached).toEqual([]);
  });

  test("what the authenticator knows is who calls, and what was sent", async () => {
    const seen: [string, unknown][] = [];
    await using echo = await startGuarded(({ metadata, peer }) => {
      seen.push([peer, metadata.get("authorization")[0]]);
      return undefined;
    });
    await failureOf(callAny(echo.client, method, as("ann")));
    expect(seen).toEqual([[expect.stringMatching(/^127\.0\.0\.1:\d+$/), "ann"]]);
  });

  test("a call that is over before it is known who calls never reaches the handler", async () => {
    const pending = Promise.withResolvers<Principal>();
    const asked = Promise.withResolvers<void>();
    const calls: Promise<RpcError>[] = [];
    await using echo = await startGuarded(
      ({ metadata }) => {
        if (metadata.get("authorization")[0] !== "slow") {
          return byHeader({
            ...{ metadata, peer: "", clientIdentity: undefined },
            authorization: undefined,
          });
        }
        asked.resolve();
        return pending.promise;
      },
      { scopes: [], maxTimeoutMs: 5_000 },
    );
    const { client } = echo;
    const controller = new AbortController();
    const { signal } = controller;
    calls.push(failureOf(callAny(client, method, { ...as("slow"), timeoutMs: 100 })));
    calls.push(failureOf(callAny(client, method, { ...as("slow"), signal })));
    await asked.promise;
    expect((await calls[0])?.code).toBe(Code.DEADLINE_EXCEEDED);
    controller.abort();
    expect((await calls[1])?.code).toBe(Code.CANCELLED);
    // The server's deadline is later by as long as the call was on its way.
    await delay(100);
    // Behind these two on the same connection, so that the server has heard of their ends.
    await callAny(client, method, as("ann"));
    pending.resolve({ subject: "late", scopes: new Set() });
    await callAny(client, method, as("ann"));
    expect(echo.reached.map((each) => each?.subject)).toEqual(["ann", "ann"]);
  });

  test("the contract's own deadline holds while it is pending", async () => {
    const pending = Promise.withResolvers<undefined>();
    await using echo = await startGuarded(() => pending.promise, {
      defaultTimeoutMs: 100,
      maxTimeoutMs: 100,
    });
    // Asked without the contract, the client sets no such deadline.
    const client = createClient(echoWith({}), { channel: echo.channel, timeoutMs: 60_000 });
    expect((await failureOf(callAny(client, method))).code).toBe(Code.DEADLINE_EXCEEDED);
    pending.resolve(undefined);
    expect(echo.reached).toEqual([]);
  });

  test("who may not call is told that, and not what is wrong with the request", async () => {
    await using echo = await startGuarded(byHeader, { check: checkMessage });
    const call = (credentials: string): Promise<RpcError> =>
      failureOf(callAny(echo.client, method, as(credentials), message("x".repeat(50))));
    expect((await call("ann")).code).toBe(Code.PERMISSION_DENIED);
  });
});

describe.each(["collect", "chat"] as const)("%s", (method) => {
  const all = (requests: Iterable<RequestInfo>, client: EchoClient): Promise<string[]> =>
    method === "collect"
      ? client.collect(requests, as("ann")).then(({ requestId }) => [requestId])
      : idsOf(client.chat(requests, as("ann")));

  test("messages that come before it is known who calls are kept, and held back", async () => {
    const pending = Promise.withResolvers<Principal>();
    const asked = Promise.withResolvers<void>();
    await using echo = await startEcho(
      {
        async collect(requests) {
          return message((await idsOf(requests)).join());
        },
        async *chat(requests) {
          yield* requests;
        },
      },
      {
        authenticate: () => {
          asked.resolve();
          return pending.promise;
        },
        definition: echoWith({ public: false }),
      },
    );
    let made = 0;
    const total = 2_000;
    const requests = function* () {
      for (; made < total; made += 1) yield { ...message(String(made), "x".repeat(10_000)) };
    };
    const call = all(requests(), echo.client);
    await asked.promise;
    // The server reads on as long as it has room, and no further: 20 MB do not fit anywhere.
    let before = -1;
    for (let quiet = 0; quiet < 20; quiet = made === before ? quiet + 1 : 0) {
      before = made;
      await healthOf(echo.channel).check({});
    }
    expect(made).toBeLessThan(total);
    pending.resolve({ subject: "ann", scopes: new Set() });
    const ids = Array.from({ length: total }, (_, id) => String(id));
    expect((await call).join()).toBe(ids.join());
  });

  test("a stream is refused before it has ended", async () => {
    await using echo = await startGuarded(async (credentials) => byHeader(credentials));
    const requests = function* () {
      for (;;) yield message("more", "x".repeat(1_000));
    };
    const { code } = await failureOf(all(requests(), echo.client));
    expect(code).toBe(Code.PERMISSION_DENIED);
    expect(echo.reached).toEqual([]);
  });
});

test("health and reflection stay open", async () => {
  await using echo = await startEcho(
    {},
    {
      authenticate: () => undefined,
      definition: echoWith({ public: false }),
      descriptorSets: [new Uint8Array()],
    },
  );
  const { SERVING } = HealthCheckResponse_ServingStatus;
  expect(await healthOf(echo.channel).check({})).toEqual({ status: SERVING });
  const reflection = createClient(ServerReflectionDefinition, { channel: echo.channel });
  const request = { messageRequest: { $case: "listServices", value: "" } } as const;
  for await (const { messageResponse } of reflection.serverReflectionInfo([request])) {
    expect(messageResponse?.$case).toBe("listServicesResponse");
  }
});

test("the start says whether callers are asked who they are", async () => {
  const definition = echoWith({});
  await using guarded = await startEcho({}, { authenticate: byHeader, definition });
  await using open = await startEcho({});
  expect(guarded.log).toMatchObject([{ msg: "serving", authentication: true }]);
  expect(open.log).toMatchObject([{ msg: "serving", authentication: false }]);
});

test("a server that asks who calls does not start with a method that says not who may", async () => {
  await expect(startEcho({}, { authenticate: byHeader })).rejects.toThrow(
    "/org.kit.test.v1.EchoService/Echo has no policy that says who may call it",
  );
});
