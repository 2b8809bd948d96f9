import { describe, expect, test } from "@jest/globals";
import { AdaptiveLimit } from "../src/adaptive-limit.ts";
import type { MethodLatency } from "../src/method-latency.ts";

const maxCalls = 4_000;
const delayMs = 500;

/** What became of the calls of one second. */
interface Second {
  answered: number;
  refused: number;
  /** How long the answered ones took, in milliseconds, together. */
  tookMs: number;
}

/** A server that works on some calls at a time, and lets the others wait; time passes when it is told to. */
class Simulation {
  now = 0;
  readonly limit = new AdaptiveLimit(maxCalls, () => this.now);
  readonly method: MethodLatency = this.limit.method(delayMs);
  readonly #waiting: number[] = [];
  readonly #atWork: { readonly begunAt: number; readonly endsAt: number }[] = [];

  /** Lets so many seconds pass, with so many calls in each. */
  run(
    seconds: number,
    perSecond: number,
    { workers, workMs }: { readonly workers: number; readonly workMs: number },
  ): Second[] {
    return Array.from({ length: seconds }, () => {
      const second: Second = { answered: 0, refused: 0, tookMs: 0 };
      const end = this.now + 1_000;
      for (let due = 0; this.now < end; this.now += 0.25) {
        for (due += perSecond / 4_000; due >= 1; due -= 1) this.#begin(second);
        this.#work(second, workers, workMs);
      }
      return second;
    });
  }

  #begin(second: Second): void {
    if (this.limit.admits("NORMAL")) {
      this.limit.begin(this.method);
      this.#waiting.push(this.now);
    } else {
      second.refused += 1;
    }
  }

  #work(second: Second, workers: number, workMs: number): void {
    for (let index = this.#atWork.length - 1; index >= 0; index -= 1) {
      const call = this.#atWork[index];
      if (call === undefined || call.endsAt > this.now) continue;
      this.#atWork.splice(index, 1);
      const tookMs = this.now - call.begunAt;
      this.limit.end(this.method, tookMs, true);
      second.answered += 1;
      second.tookMs += tookMs;
    }
    while (this.#atWork.length < workers) {
      const begunAt = this.#waiting.shift();
      if (begunAt === undefined) return;
      this.#atWork.push({ begunAt, endsAt: this.now + workMs });
    }
  }
}

function sum(seconds: readonly Second[], key: keyof Second): number {
  return seconds.reduce((total, second) => total + second[key], 0);
}

describe.each([
  { title: "one that computes for 4 ms", server: { workers: 1, workMs: 4 }, capacity: 250 },
  { title: "10 database connections of 20 ms", server: { workers: 10, workMs: 20 }, capacity: 500 },
])("$title", ({ server, capacity }) => {
  test("refuses nothing that it can answer", () => {
    const simulation = new Simulation();
    expect(sum(simulation.run(20, capacity * 0.95, server), "refused")).toBe(0);
    expect(simulation.limit.limit).toBe(maxCalls);
  });

  test.each([2, 10])(
    "answers all it can at %s times its capacity, without growing late",
    (factor) => {
      const simulation = new Simulation();
      simulation.run(2, capacity / 4, server);
      simulation.run(5, capacity * factor, server);
      const seconds = simulation.run(20, capacity * factor, server);
      expect(sum(seconds, "answered")).toBeGreaterThan(20 * capacity * 0.98);
      const meanMs = sum(seconds, "tookMs") / sum(seconds, "answered");
      expect(meanMs).toBeLessThan(1.5 * delayMs);
    },
  );

  test("has forgotten the overload seconds after it is over", () => {
    const simulation = new Simulation();
    simulation.run(2, capacity / 4, server);
    simulation.run(10, capacity * 10, server);
    simulation.run(5, capacity / 2, server);
    expect(simulation.limit.limit).toBe(maxCalls);
    expect(sum(simulation.run(5, capacity * 0.95, server), "refused")).toBe(0);
  });

  test("learns what is usual from a start under overload", () => {
    const simulation = new Simulation();
    simulation.run(5, capacity * 3, server);
    const seconds = simulation.run(20, capacity * 3, server);
    expect(sum(seconds, "answered")).toBeGreaterThan(20 * capacity * 0.98);
    expect(sum(seconds, "tookMs") / sum(seconds, "answered")).toBeLessThan(1.5 * delayMs);
  });
});

test("calls that others make slow are let in again once fewer of them are no faster", () => {
  const simulation = new Simulation();
  simulation.run(5, 200, { workers: Infinity, workMs: 20 });
  // Another service takes a second from now on, however many ask it.
  const [first, ...later] = simulation.run(20, 200, { workers: Infinity, workMs: 1_000 });
  expect(first?.refused).toBe(0);
  expect(sum(later.slice(10), "refused")).toBe(0);
  expect(sum(later, "refused")).toBeLessThan(0.1 * 20 * 200);
});

test("refuses heavy calls first and light ones last", () => {
  const limit = new AdaptiveLimit(100);
  const method = limit.method(delayMs);
  const admitted = (): string[] =>
    (["LIGHT", "NORMAL", "HEAVY"] as const).filter((each) => limit.admits(each));
  for (const [calls, expected] of [
    [49, ["LIGHT", "NORMAL", "HEAVY"]],
    [50, ["LIGHT", "NORMAL"]],
    [89, ["LIGHT", "NORMAL"]],
    [90, ["LIGHT"]],
    [99, ["LIGHT"]],
    [100, []],
  ] as const) {
    while (limit.active < calls) limit.begin(method);
    expect(admitted()).toEqual(expected);
  }
});

test("calls that fail at once say nothing of how long they take", () => {
  let now = 0;
  const limit = new AdaptiveLimit(maxCalls, () => now);
  const method = limit.method(delayMs);
  for (let call = 0; call < 1_000; call += 1) {
    limit.begin(method);
    now += 20;
    // Every other one is refused by its handler.
    if (call % 2 === 0) limit.end(method, 20, true);
    else limit.end(method, 0.1, false);
  }
  expect(method.usual).toBeCloseTo(20);
  expect(method.median).toBeCloseTo(20);
});
