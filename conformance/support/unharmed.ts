import { setTimeout as delay } from "node:timers/promises";
import { expect } from "@jest/globals";
import { GetUserRequest } from "@org/contracts/user/v1";
import { Code } from "@org/kit/client";
import { connectRaw, frame } from "./raw-grpc.ts";
import type { Target } from "./target.ts";

/** How a target is while nobody harms it. */
export interface Calm {
  /** Its heap after garbage was collected, and its memory, in bytes. */
  readonly heapBytes: number;
  readonly residentBytes: number;
  /** How many handlers are at work. */
  readonly handlers: number;
}

/** How long the call of a second client may take, its connection included, in milliseconds. */
const maxAnswerMs = 100;

/** How much more memory may be in use afterwards, in bytes. */
const maxGrowthBytes = 20 * 1024 * 1024;

/** How long the target has to get there, in milliseconds: closed connections go one by one. */
const settleMs = 3_000;

/** When a target hangs that has not said how it is, in milliseconds. */
const answersWithinMs = 10_000;

/**
 * After so many calls, and so many connections, a fresh process has the memory that ordinary work takes: measured,
 * it grows by 25 MB over the first 4,000 calls, and by 1 MB over the next 26,000.
 */
const warmUpCalls = 5_000;
const warmUpConnections = 100;

const getUser = {
  path: "/org.user.v1.UserService/GetUser",
  body: frame(GetUserRequest.encode({ userId: "second-client" }).finish()),
};

/** Warms a plaintext target up with ordinary calls, and measures it. Takes about a second. */
export async function calm(target: Target): Promise<Calm> {
  await using connection = await connectRaw(target.address);
  for (let made = 0; made < warmUpCalls; made += 100) {
    await Promise.all(Array.from({ length: 100 }, () => connection.call(getUser)));
  }
  for (let made = 0; made < warmUpConnections; made += 1) await callOnce(target);
  return await measure(target);
}

/**
 * Does to a target what it is to be measured by once, and measures it then: what a process has once needed, its
 * allocator keeps. What is done again must not need more.
 */
export async function rehearsed(target: Target, rehearsal: () => Promise<unknown>): Promise<Calm> {
  const before = await calm(target);
  await rehearsal();
  // Its heap has to be as it was all the same.
  return { ...before, residentBytes: (await settled(target, before)).residentBytes };
}

/** How it is once its heap and its handlers are as they were, or will not be. */
async function settled(target: Target, before: Calm): Promise<Calm> {
  const end = performance.now() + settleMs;
  for (;;) {
    const now = await measure(target);
    const isBack = !grew(now.heapBytes, before.heapBytes) && now.handlers <= before.handlers;
    if (isBack || performance.now() > end) return now;
    await delay(100);
  }
}

/**
 * Fails the test unless the target is as before: it answers a client that connects anew within 100 ms (the median of
 * five), no more handlers are at work, and its memory is within 20 MiB of what it was. Rejects where its process has
 * ended.
 */
export async function expectUnharmed(target: Target, before: Calm): Promise<void> {
  // Asked first: of a process that has ended, or hangs, that is what there is to say.
  await measure(target);
  expect(await secondClientMs(target)).toBeLessThan(maxAnswerMs);
  const end = performance.now() + settleMs;
  let now = await measure(target);
  while (!isWithin(now, before) && performance.now() < end) {
    await delay(100);
    now = await measure(target);
  }
  // With all numbers, whichever is the one that is too large.
  const more = {
    heapMiB: mebibytes(now.heapBytes - before.heapBytes),
    residentMiB: mebibytes(now.residentBytes - before.residentBytes),
    handlers: now.handlers - before.handlers,
  };
  expect({ more, isWithin: isWithin(now, before) }).toEqual({ more, isWithin: true });
}

/** How long a client waits that connects and calls, in milliseconds: the median of five, one after the other. */
export async function secondClientMs(target: Target): Promise<number> {
  const times: number[] = [];
  for (let made = 0; made < 5; made += 1) {
    const start = performance.now();
    await callOnce(target);
    times.push(performance.now() - start);
  }
  return times.toSorted((a, b) => a - b)[2] ?? Infinity;
}

async function callOnce(target: Target): Promise<void> {
  await using connection = await connectRaw(target.address);
  const { status, text } = await connection.call(getUser);
  expect({ status, text }).toMatchObject({ status: Code.OK });
}

async function measure(target: Target): Promise<Calm> {
  const { heapBytes, handlers } = await Promise.race([target.state(), hangsAfter(answersWithinMs)]);
  return { heapBytes, handlers, residentBytes: target.residentBytes() };
}

async function hangsAfter(ms: number): Promise<never> {
  await delay(ms, undefined, { ref: false });
  throw new Error(`the target has not said how it is for ${ms} ms`);
}

function isWithin(now: Calm, before: Calm): boolean {
  return (
    !grew(now.heapBytes, before.heapBytes) &&
    !grew(now.residentBytes, before.residentBytes) &&
    now.handlers <= before.handlers
  );
}

function grew(now: number, before: number): boolean {
  return now - before > maxGrowthBytes;
}

/** As people read it. */
export function mebibytes(bytes: number): number {
  return Math.round((bytes / 1024 / 1024) * 10) / 10;
}
