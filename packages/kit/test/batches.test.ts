import { expect, test } from "@jest/globals";
import { batches } from "../src/index.ts";
import { MessageQueue } from "../src/message-queue.ts";
import { gather } from "./echo-server.ts";

/** Messages that come when the test pushes them, and how many of them were taken. */
function startSource() {
  const queue = new MessageQueue<number>({ resume: () => undefined, stop: () => undefined });
  const seen = { taken: 0, left: false };
  const messages = async function* () {
    try {
      for await (const message of queue) {
        seen.taken += 1;
        yield message;
      }
    } finally {
      seen.left = true;
    }
  };
  const push = (...each: number[]): void => {
    for (const message of each) queue.push(message);
  };
  return { queue, push, messages: messages(), seen };
}

/** Resolves when everything has happened that needs nothing from outside. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

test("a message that comes alone is passed on at once", async () => {
  const { push, messages } = startSource();
  const all = batches(messages, 100);
  push(1);
  expect((await all.next()).value).toEqual([1]);
  push(2);
  expect((await all.next()).value).toEqual([2]);
});

test("what comes while a batch is being worked on is the next one", async () => {
  const { push, messages } = startSource();
  const all = batches(messages, 100);
  push(1);
  expect((await all.next()).value).toEqual([1]);
  push(2, 3);
  await settled();
  push(4);
  await settled();
  expect((await all.next()).value).toEqual([2, 3, 4]);
});

test("a batch has no more messages than it may, and no more are taken meanwhile", async () => {
  const { push, queue, messages, seen } = startSource();
  const all = batches(messages, 3);
  push(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
  queue.end();
  expect((await all.next()).value).toEqual([1, 2, 3]);
  await settled();
  expect(seen.taken).toBeLessThanOrEqual(3 + 3);
  expect((await all.next()).value).toEqual([4, 5, 6]);
  await settled();
  expect(seen.taken).toBeLessThanOrEqual(6 + 3);
  const rest = await gather(all);
  expect(rest.flat()).toEqual([7, 8, 9, 10]);
  expect(Math.max(...rest.map(({ length }) => length))).toBeLessThanOrEqual(3);
  expect(seen).toEqual({ taken: 10, left: true });
});

test("nothing makes no batch", async () => {
  const { queue, messages } = startSource();
  queue.end();
  expect(await gather(batches(messages, 3))).toEqual([]);
});

test("a failure comes after the messages that were there before it", async () => {
  const { push, queue, messages } = startSource();
  const all = batches(messages, 100);
  push(1);
  expect((await all.next()).value).toEqual([1]);
  push(2);
  await settled();
  const failure = new Error("the source failed");
  queue.fail(failure);
  await settled();
  expect((await all.next()).value).toEqual([2]);
  await expect(all.next()).rejects.toBe(failure);
  expect(await all.next()).toEqual({ done: true, value: undefined });
});

test("a failure before the first message is no unhandled rejection", async () => {
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  const { queue, messages } = startSource();
  const all = batches(messages, 3);
  const next = all.next();
  const failure = new Error("the source failed");
  queue.fail(failure);
  await expect(next).rejects.toBe(failure);
  await settled();
  process.off("unhandledRejection", onUnhandled);
  expect(unhandled).toEqual([]);
});

test("whoever leaves early leaves the source, too", async () => {
  const { push, messages, seen } = startSource();
  const all = batches(messages, 2);
  push(1, 2, 3, 4, 5, 6);
  await all.next();
  await all.return();
  push(7);
  await settled();
  expect(seen.left).toBe(true);
  expect(seen.taken).toBeLessThan(7);
  expect(await all.next()).toEqual({ done: true, value: undefined });
});

test("all messages come out, in order, however they came in", async () => {
  const { push, queue, messages } = startSource();
  const total = 1_000;
  const feeding = (async () => {
    for (let next = 0; next < total; ) {
      const count = Math.min(total - next, 1 + (next % 7));
      push(...Array.from({ length: count }, (_, index) => next + index));
      next += count;
      if (next % 3 === 0) await settled();
    }
    queue.end();
  })();
  const got: number[][] = [];
  for await (const batch of batches(messages, 10)) {
    got.push(batch);
    if (got.length % 2 === 0) await settled();
  }
  await feeding;
  expect(got.flat()).toEqual(Array.from({ length: total }, (_, index) => index));
  expect(Math.max(...got.map(({ length }) => length))).toBeLessThanOrEqual(10);
  expect(Math.min(...got.map(({ length }) => length))).toBeGreaterThan(0);
});
