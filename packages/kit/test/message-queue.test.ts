import { describe, expect, test } from "@jest/globals";
import { MessageQueue } from "../src/message-queue.ts";

/** A queue of numbers, and what it has asked of its source. */
function startQueue() {
  const asked: string[] = [];
  const queue = new MessageQueue<number>({
    resume: () => void asked.push("resume"),
    stop: () => void asked.push("stop"),
  });
  return { queue, asked };
}

const failure = new Error("the source failed");
const done = { done: true, value: undefined };

test("messages come out as they went in", async () => {
  const { queue, asked } = startQueue();
  for (const each of [1, 2, 3]) expect(queue.push(each)).toBe(true);
  queue.end();
  const got: number[] = [];
  for await (const each of queue) got.push(each);
  expect(got).toEqual([1, 2, 3]);
  expect(await queue.next()).toEqual(done);
  expect(asked).toEqual([]);
});

test("whoever waits gets the next message at once", async () => {
  const { queue } = startQueue();
  const first = queue.next();
  expect(queue.push(1)).toBe(true);
  expect(await first).toEqual({ done: false, value: 1 });
  const second = queue.next();
  queue.end();
  expect(await second).toEqual(done);
});

test("undefined and null are messages, too", async () => {
  const queue = new MessageQueue<unknown>({ resume: () => undefined, stop: () => undefined });
  queue.push(undefined);
  queue.push(null);
  queue.end();
  expect(await queue.next()).toEqual({ done: false, value: undefined });
  expect(await queue.next()).toEqual({ done: false, value: null });
  expect(await queue.next()).toEqual(done);
});

describe("the source is paused", () => {
  test("by the 16th message, and resumed when half of them are read", async () => {
    const { queue, asked } = startQueue();
    for (let each = 0; each < 15; each += 1) expect(queue.push(each)).toBe(true);
    expect(queue.push(15)).toBe(false);
    for (let each = 0; each < 7; each += 1) {
      expect(await queue.next()).toEqual({ done: false, value: each });
    }
    expect(asked).toEqual([]);
    expect(await queue.next()).toEqual({ done: false, value: 7 });
    expect(asked).toEqual(["resume"]);
    // Until it is full again.
    for (let each = 16; each < 23; each += 1) expect(queue.push(each)).toBe(true);
    expect(queue.push(23)).toBe(false);
    for (let each = 8; each < 24; each += 1) {
      expect(await queue.next()).toEqual({ done: false, value: each });
    }
    expect(asked).toEqual(["resume", "resume"]);
  });

  test("but what it sends all the same is kept", async () => {
    const { queue } = startQueue();
    for (let each = 0; each < 20; each += 1) queue.push(each);
    queue.end();
    const got: number[] = [];
    for await (const each of queue) got.push(each);
    expect(got).toHaveLength(20);
  });

  test("and not resumed once it has ended", async () => {
    const { queue, asked } = startQueue();
    for (let each = 0; each < 16; each += 1) queue.push(each);
    queue.end();
    for (let each = 0; each < 16; each += 1) await queue.next();
    expect(await queue.next()).toEqual(done);
    expect(asked).toEqual([]);
  });
});

describe("a failure", () => {
  test("comes after the messages that were here before it, once", async () => {
    const { queue } = startQueue();
    queue.push(1);
    queue.fail(failure);
    expect(await queue.next()).toEqual({ done: false, value: 1 });
    await expect(queue.next()).rejects.toBe(failure);
    expect(await queue.next()).toEqual(done);
  });

  test("reaches whoever waits", async () => {
    const { queue } = startQueue();
    const next = queue.next();
    queue.fail(failure);
    await expect(next).rejects.toBe(failure);
    expect(await queue.next()).toEqual(done);
  });

  test("may be anything", async () => {
    const { queue } = startQueue();
    queue.fail(undefined);
    await expect(queue.next()).rejects.toBe(undefined);
  });

  test("after the end changes nothing, nor does an end after the failure", async () => {
    const ended = startQueue().queue;
    ended.end();
    ended.fail(failure);
    expect(await ended.next()).toEqual(done);

    const failed = startQueue().queue;
    failed.fail(failure);
    failed.end();
    failed.fail(new Error("another"));
    await expect(failed.next()).rejects.toBe(failure);
  });

  test("that nobody reads is no unhandled rejection", async () => {
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", onUnhandled);
    startQueue().queue.fail(failure);
    await new Promise(setImmediate);
    process.off("unhandledRejection", onUnhandled);
    expect(unhandled).toEqual([]);
  });
});

describe("a reader that leaves", () => {
  test("stops the source, once", async () => {
    const { queue, asked } = startQueue();
    queue.push(1);
    queue.push(2);
    for await (const each of queue) {
      expect(each).toBe(1);
      break;
    }
    expect(asked).toEqual(["stop"]);
    await queue.return();
    expect(asked).toEqual(["stop"]);
    expect(await queue.next()).toEqual(done);
  });

  test("drops what comes later, without asking the source to wait", async () => {
    const { queue, asked } = startQueue();
    await queue.return();
    for (let each = 0; each < 100; each += 1) expect(queue.push(each)).toBe(true);
    queue.fail(failure);
    expect(await queue.next()).toEqual(done);
    expect(asked).toEqual(["stop"]);
  });

  test("ends whoever waits", async () => {
    const { queue } = startQueue();
    const next = queue.next();
    await queue.return();
    expect(await next).toEqual(done);
  });

  test("after the end does not stop the source, and drops what is left", async () => {
    const { queue, asked } = startQueue();
    queue.push(1);
    queue.fail(failure);
    await queue.return();
    expect(await queue.next()).toEqual(done);
    expect(asked).toEqual([]);
  });
});

test("two readers at once are refused, and the first is served", async () => {
  const { queue } = startQueue();
  const first = queue.next();
  await expect(queue.next()).rejects.toThrow("next() was called again");
  queue.push(1);
  expect(await first).toEqual({ done: false, value: 1 });
});

describe("large messages", () => {
  function largeQueue() {
    const held: number[] = [];
    let resumed = 0;
    const queue = new MessageQueue<string>({
      resume: () => (resumed += 1),
      stop: () => undefined,
      held: (bytes) => void held.push(bytes),
    });
    return { queue, held, resumed: () => resumed };
  }

  test("are as many as fit into 64 KiB", async () => {
    const { queue, resumed } = largeQueue();
    expect(queue.push("a", 30_000)).toBe(true);
    expect(queue.push("b", 30_000)).toBe(true);
    expect(queue.push("c", 30_000)).toBe(false);
    await queue.next();
    expect(resumed()).toBe(0);
    await queue.next();
    expect(resumed()).toBe(1);
  });

  test("are told of while they wait, and small ones are not", async () => {
    const { queue, held } = largeQueue();
    queue.push("small", 10_000);
    queue.push("large", 100_000);
    expect(held).toEqual([110_000]);
    await queue.next();
    await queue.next();
    expect(held).toEqual([110_000, 100_000, 0]);
    queue.push("left", 50_000);
    await queue.return();
    expect(held).toEqual([110_000, 100_000, 0, 50_000, 0]);
  });

  test("are none of its own once a reader waits for them", () => {
    const { queue, held } = largeQueue();
    void queue.next();
    expect(queue.push("large", 100_000)).toBe(true);
    expect(held).toEqual([]);
  });
});
