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

/** Calls of one method that take as long as they take, however many there are. */
interface Source {
  readonly perSecond: number;
  /** How long a call takes that begins then, in milliseconds. */
  readonly takesMs: (now: number) => number;
  readonly delayMs: number;
}

/** How many calls are refused in each of so many seconds, of calls that do not wait for each other. */
function refusedOf(seconds: number, sources: readonly Source[]): number[] {
  let now = 0;
  const limit = new AdaptiveLimit(maxCalls, () => now);
  const methods = sources.map((source) => limit.method(source.delayMs));
  const refused = Array.from({ length: seconds }, () => 0);
  const atWork = new Map<number, (() => void)[]>();
  for (; now < seconds * 1_000; now += 1) {
    for (const end of atWork.get(now) ?? []) end();
    atWork.delete(now);
    for (const [index, { perSecond, takesMs }] of sources.entries()) {
      const method = methods[index];
      if (method === undefined || random() > perSecond / 1_000) continue;
      if (!limit.admits("NORMAL")) {
        refused[Math.floor(now / 1_000)] = (refused[Math.floor(now / 1_000)] ?? 0) + 1;
        continue;
      }
      limit.begin(method);
      const ms = Math.max(1, Math.round(takesMs(now)));
      const ends = atWork.get(now + ms) ?? [];
      atWork.set(now + ms, ends);
      ends.push(() => {
        limit.end(method, ms, true);
      });
    }
  }
  return refused;
}

let seed = 1;
/** The same numbers in each run: Park and Miller's generator. */
function random(): number {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed / 2_147_483_647;
}

const quick: Source = { perSecond: 100, takesMs: () => 5, delayMs: 500 };

test.each<{ readonly title: string; readonly sources: readonly Source[] }>([
  {
    title: "of which most are quick and some take very long",
    sources: [{ perSecond: 100, takesMs: () => (random() < 0.95 ? 20 : 8_000), delayMs: 500 }],
  },
  {
    title: "that take anything around 400 ms",
    sources: [{ perSecond: 100, takesMs: () => -Math.log(random()) * 400, delayMs: 500 }],
  },
  {
    title: "beside others that wait for 30 s",
    sources: [quick, { perSecond: 3, takesMs: () => 30_000, delayMs: 1_000 }],
  },
  {
    title: "beside 300 that never end",
    sources: [
      quick,
      { perSecond: 20, takesMs: (now) => (now < 15_000 ? 1_000_000 : 5), delayMs: 500 },
    ],
  },
])("refuses no calls $title, where none waits for another", ({ sources }) => {
  seed = 1;
  const refused = refusedOf(120, sources);
  // In its first seconds it does not know them yet.
  expect(refused.slice(20).filter((count) => count > 0)).toEqual([]);
});
