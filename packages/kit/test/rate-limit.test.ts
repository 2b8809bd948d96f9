import { expect, test } from "@jest/globals";
import { Metadata } from "@grpc/grpc-js";
import { RateLimit } from "../src/rate-limit.ts";
import { Code } from "../src/index.ts";
import { callAny, failureOf, handlersOf, message, methods, startEcho } from "./echo-server.ts";
import { echoWith } from "./policy.ts";

test("a principal may make as many calls as in a second at once, and then so many a second", () => {
  let now = 0;
  const limit = new RateLimit(100, () => now);
  const take = (count: number): number[] => Array.from({ length: count }, () => limit.take("a"));
  expect(take(100)).toEqual(Array.from({ length: 100 }, () => 0));
  expect(limit.take("a")).toBe(10);
  now += 5;
  expect(limit.take("a")).toBe(5);
  expect(limit.take("b")).toBe(0);
  now += 5;
  expect(limit.take("a")).toBe(0);
  now += 1_000_000;
  expect(take(101).filter((wait) => wait > 0)).toHaveLength(1);
});

test("10 at once is the least", () => {
  const limit = new RateLimit(1, () => 0);
  expect(Array.from({ length: 11 }, () => limit.take("a"))).toEqual([
    ...Array.from({ length: 10 }, () => 0),
    1_000,
  ]);
});

test.each(methods)("%s: one caller's calls are refused, others' are not", async (method) => {
  await using echo = await startEcho(
    handlersOf(async function* () {
      yield message("answer");
    }),
    {
      definition: echoWith({ public: false, scopes: [] }),
      authenticate: ({ metadata }) => ({
        subject: String(metadata.get("caller")[0]),
        scopes: new Set<string>(),
      }),
      maxCallsPerSecondPerPrincipal: 1,
    },
  );
  const as = (caller: string) => {
    const metadata = new Metadata();
    metadata.set("caller", caller);
    return { metadata };
  };
  for (let call = 0; call < 10; call += 1) await callAny(echo.client, method, as("ada"));
  const error = await failureOf(callAny(echo.client, method, as("ada")));
  expect(error).toMatchObject({
    code: Code.RESOURCE_EXHAUSTED,
    text: "the caller makes more than 1 calls a second",
  });
  expect(error.retryAfterMs).toBeGreaterThan(0);
  expect(error.retryAfterMs).toBeLessThanOrEqual(1_000);
  const [pushback] = error.metadata?.get("grpc-retry-pushback-ms") ?? [];
  expect(Number(pushback)).toBe(Math.ceil(error.retryAfterMs ?? 0));
  expect(await callAny(echo.client, method, as("grace"))).toEqual(["answer"]);
});
