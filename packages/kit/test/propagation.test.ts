import { describe, expect, test } from "@jest/globals";
import { createClient } from "../src/client-index.ts";
import { type CallContext, type CallScope, Code, followCalls, RpcError } from "../src/index.ts";
import { EchoDefinition } from "./echo.ts";
import {
  abortion,
  callAny,
  type EchoServer,
  failureOf,
  gather,
  handlersOf,
  type Method,
  message,
  methods,
  startEcho,
} from "./echo-server.ts";
import { echoWith } from "./policy.ts";

/** A server whose handlers call another one, which tells what it knows of each call. */
async function startChain(
  method: Method,
  inner: (call: CallContext) => Promise<void> | void,
  options: { readonly detached?: boolean; readonly timeoutMs?: number } = {},
): Promise<EchoServer & { readonly inner: EchoServer }> {
  const called = await startEcho(
    handlersOf(async function* (_requests, call) {
      await inner(call);
      yield message(String(call.deadline?.getTime()));
    }),
    { definition: echoWith({}) },
  );
  const client = createClient(echoWith({}), { channel: called.channel });
  const caller = await startEcho(
    handlersOf(async function* (requests) {
      await gather(requests);
      // Whatever comes between, the scope is still that of the call.
      await new Promise(setImmediate);
      for (const answer of await callAny(client, method, options)) yield message(answer);
    }),
  );
  return {
    ...caller,
    inner: called,
    async [Symbol.asyncDispose]() {
      await caller[Symbol.asyncDispose]();
      await called[Symbol.asyncDispose]();
    },
  };
}

describe.each(methods)("%s, from a handler", (method) => {
  test.each(methods)("of %s, has no more time than that call", async (outer) => {
    await using chain = await startChain(method, () => undefined);
    // Sooner than what a call has that is told nothing.
    const deadline = new Date(Date.now() + 10_000);
    const [told] = await callAny(chain.client, outer, { deadline });
    // Each way takes some time, on a busy machine more.
    expect(Number(told)).toBeLessThanOrEqual(deadline.getTime() + 1_000);
    expect(Number(told)).toBeGreaterThan(deadline.getTime() - 10_000);
  });

  test("keeps less time of its own", async () => {
    await using chain = await startChain(method, () => undefined, { timeoutMs: 5_000 });
    const before = Date.now();
    const [told] = await callAny(chain.client, "echo", { timeoutMs: 20_000 });
    expect(Number(told) - before).toBeLessThan(10_000);
  });

  test.each(methods)("of %s, is cancelled with that call", async (outer) => {
    const told = Promise.withResolvers<unknown>();
    const controller = new AbortController();
    await using chain = await startChain(method, async ({ signal }) => {
      controller.abort();
      told.resolve(await abortion(signal));
    });
    const error = await failureOf(callAny(chain.client, outer, { signal: controller.signal }));
    expect(error.code).toBe(Code.CANCELLED);
    const reason = await told.promise;
    expect(reason instanceof RpcError && reason.code).toBe(Code.CANCELLED);
  });

  test("goes on where it is told to", async () => {
    const controller = new AbortController();
    const done = Promise.withResolvers<boolean>();
    const detached = { detached: true } as const;
    await using chain = await startChain(
      method,
      async (call) => {
        controller.abort();
        await failed;
        done.resolve(call.signal.aborted);
      },
      detached,
    );
    const { signal } = controller;
    const failed = failureOf(callAny(chain.client, "echo", { timeoutMs: 20_000, signal }));
    await failed;
    expect(await done.promise).toBe(false);
  });
});

test("calls that are answered at the same time do not mix", async () => {
  await using chain = await startChain("echo", () => undefined);
  const seconds = Array.from({ length: 40 }, (_, index) => 5 + index);
  const told = await Promise.all(
    seconds.map(async (each) => {
      const before = Date.now();
      const [deadline] = await callAny(chain.client, "collect", { timeoutMs: each * 1000 });
      return Math.round((Number(deadline) - before) / 1000);
    }),
  );
  expect(told.every((each, index) => Math.abs(each - (seconds[index] ?? 0)) <= 2)).toBe(true);
});

test("what goes on after the answer is not cancelled by it", async () => {
  await using other = await startEcho({ echo: (request) => request });
  const client = createClient(EchoDefinition, { channel: other.channel });
  const later = Promise.withResolvers<unknown>();
  const answered = Promise.withResolvers<void>();
  await using echo = await startEcho({
    echo(request) {
      later.resolve(answered.promise.then(() => client.echo(message("later"))));
      return request;
    },
  });
  await callAny(echo.client, "echo", { timeoutMs: 20_000 });
  answered.resolve();
  expect(await later.promise).toEqual(message("later"));
});

describe("who follows calls", () => {
  const currentCall = followCalls();

  test.each(methods)("knows which one of %s the running code answers", async (method) => {
    const told = Promise.withResolvers<[CallScope | undefined, CallContext]>();
    await using echo = await startEcho(
      handlersOf(async function* (requests, call) {
        await gather(requests);
        await new Promise(setImmediate);
        told.resolve([currentCall(), call]);
        yield message("answer");
      }),
    );
    const deadline = new Date(Date.now() + 20_000);
    await callAny(echo.client, method, { deadline });
    const [scope, call] = await told.promise;
    expect(scope?.endsAt).toBe(call.deadline?.getTime());
    expect(scope?.signal).toBe(call.signal);
    expect(currentCall()).toBeUndefined();
  });

  test("knows none once that is answered", async () => {
    const answered = Promise.withResolvers<void>();
    const told = Promise.withResolvers<readonly unknown[]>();
    await using echo = await startEcho({
      echo(request) {
        const before = currentCall();
        void answered.promise.then(() => {
          told.resolve([before === undefined, currentCall() === undefined]);
        });
        return request;
      },
    });
    await callAny(echo.client, "echo");
    answered.resolve();
    expect(await told.promise).toEqual([false, true]);
  });
});

test("outside of a handler a call has what its options say", async () => {
  await using echo = await startEcho(
    handlersOf(async function* (_requests, { deadline }) {
      yield message(String(deadline));
    }),
  );
  expect(await callAny(echo.client, "expand")).toEqual(["undefined"]);
});
