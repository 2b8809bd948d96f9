import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Child, startChild } from "./child.ts";
import { callAny, failureOf, idsOf, message, startEcho } from "./echo-server.ts";

const mebibyte = 1024 * 1024;

// In a process of its own, its memory is not mixed up with the client's.
let child: Child;

beforeAll(async () => {
  child = await startChild();
});

afterAll(async () => {
  await child[Symbol.asyncDispose]();
});

/** What streams may hold on the way: grpc-js's and the kernel's buffers, and the kit's window. */
const boundBytes = 16 * mebibyte;

/**
 * Resolves once a number has stopped growing: it is the same before and after another call has gone
 * all the way to the server and back, ten times over.
 */
async function settled(count: () => Promise<number>): Promise<number> {
  let last = await count();
  for (let unchanged = 0; unchanged < 10; ) {
    await callAny(child.client, "echo");
    const now = await count();
    unchanged = now === last ? unchanged + 1 : 0;
    last = now;
  }
  return last;
}

describe.each([
  ["small", 10],
  ["large", 100_000],
])("a client that stops reading %s answers", (_name, size) => {
  test.each(["expand", "chat"] as const)("of %s holds back the server", async (method) => {
    const production = async (): Promise<number> => (await child.count()).produced;
    const earlier = await settled(production);
    const before = await child.count();
    const request = message("endless", "x".repeat(size));
    const answers =
      method === "expand" ? child.client.expand(request) : child.client.chat([request]);
    const first = await answers.next();
    expect(first.value?.requestId).toBe("1");

    const produced = (await settled(production)) - earlier;
    const { rss } = await child.count();
    expect(produced * size).toBeLessThan(boundBytes);
    expect(rss - before.rss).toBeLessThan(64 * mebibyte);

    // It was held back, not ended: whoever reads on gets what follows, in order.
    for (let id = 2; id <= produced + 100; id += 1) {
      const { value } = await answers.next();
      expect(value?.requestId).toBe(String(id));
    }
    expect(await production()).toBeGreaterThan(earlier + produced);
    await answers.return?.();
  });
});

test("a client that reads slowly bounds the memory of a server that has much to say", async () => {
  const answers = child.client.expand(message("endless", "x".repeat(100_000)));
  await answers.next();
  const before = await child.count();
  // 200 MB in all, with a pause after each.
  for (let read = 0; read < 2_000; read += 1) {
    await answers.next();
    await new Promise(setImmediate);
  }
  const { rss } = await child.count();
  expect(rss - before.rss).toBeLessThan(96 * mebibyte);
  await answers.return?.();
});

describe.each([
  ["small", 10],
  ["large", 100_000],
])("a handler that stops reading %s requests", (_name, size) => {
  test.each(["collect", "chat"] as const)("of %s holds back the client", async (method) => {
    let pulled = 0;
    const left = Promise.withResolvers<string>();
    const requests = function* () {
      try {
        yield message("never read on");
        for (;;) {
          pulled += 1;
          yield message("more", "x".repeat(size));
        }
      } finally {
        left.resolve("left");
      }
    };
    const controller = new AbortController();
    const { signal } = controller;
    const call =
      method === "collect"
        ? failureOf(child.client.collect(requests(), { signal }))
        : failureOf(idsOf(child.client.chat(requests(), { signal })));
    const count = await settled(async () => pulled);
    expect(count).toBeGreaterThan(0);
    expect(count * size).toBeLessThan(boundBytes);
    expect((await child.count()).received).toBeGreaterThanOrEqual(1);
    controller.abort();
    await call;
    expect(await left.promise).toBe("left");
    // A machine that is busy may settle in steps.
    expect(pulled * size).toBeLessThan(boundBytes);
  });
});

test("a handler gets no more than it has read, and all of it", async () => {
  // Each step of the handler waits for the test; the client never waits.
  const total = 5_000;
  let step = Promise.withResolvers<void>();
  const seen: string[] = [];
  await using echo = await startEcho({
    async collect(requests) {
      for await (const { requestId } of requests) {
        seen.push(requestId);
        if (seen.length % 500 === 0) {
          await step.promise;
          step = Promise.withResolvers();
        }
      }
      return message(String(seen.length));
    },
  });
  let pulled = 0;
  const requests = function* () {
    for (; pulled < total; pulled += 1) yield message(String(pulled), "x".repeat(5_000));
  };
  const call = echo.client.collect(requests());
  while (seen.length < total) {
    step.resolve();
    await new Promise(setImmediate);
    expect((pulled - seen.length) * 5_000).toBeLessThan(boundBytes);
  }
  step.resolve();
  expect(await call).toEqual(message(String(total)));
  expect(seen).toEqual(Array.from({ length: total }, (_, id) => String(id)));
});

test("two streams on one connection do not hold back each other", async () => {
  const stuck = child.client.expand(message("endless", "x".repeat(100_000)));
  await stuck.next();
  await settled(async () => (await child.count()).produced);
  const other = child.client.expand(message("endless", "y".repeat(100_000)));
  for (let read = 0; read < 100; read += 1) {
    expect((await other.next()).value?.servingData[0]).toBe("y");
  }
  await other.return?.();
  expect((await stuck.next()).value?.servingData[0]).toBe("x");
  await stuck.return?.();
});
