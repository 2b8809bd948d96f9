import { randomInt } from "node:crypto";
import { afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { report } from "../support/figures.ts";
import { type Random, seeded } from "../support/random-message.ts";
import { startService } from "../support/service-process.ts";
import { startTarget, type Target, type TargetOptions } from "../support/target.ts";
import { type Calm, expectUnharmed, rehearsed } from "../support/unharmed.ts";
import { readCorpus } from "./corpus.ts";
import { type FuzzCase, keep, runBatch, runCases } from "./fuzz-batch.ts";
import type { FuzzOutcome } from "./fuzz-run.ts";
import { callsPerConnection, encodeFuzzedCalls, fuzzedCall } from "./fuzzed-call.ts";
import { fuzzedConnection } from "./fuzzed-connection.ts";
import { malformedCases } from "./malformed-cases.ts";

/** FUZZ_SEED repeats a run; FUZZ_CASES makes a longer one. */
const seed = Number(process.env["FUZZ_SEED"] ?? randomInt(2 ** 31));
const cases = Number(process.env["FUZZ_CASES"] ?? 10_000);

/** Of the cases, so many are connections; the others are calls, which are well-formed HTTP/2. */
const connectionShare = 0.6;

/** After so many connections, the target is looked at. */
const batchSize = 500;

/** A connection that its client has given up is found out within two of these. */
const options: TargetOptions & { readonly keepaliveMs: number } = { keepaliveMs: 1_000 };

const start = (): Promise<Target> => startTarget(options);

let target: Target;
let before: Calm;
const sum = { cases: 0, statuses: 0, resets: 0, closed: 0, left: 0 };

beforeAll(() => {
  process.stdout.write(`FUZZ_SEED=${seed}\n`);
});

// Each on a target of its own, so that no test suffers from what another has found.
beforeEach(async () => {
  target = await start();
  before = await rehearsed(target, async () => {
    // Others than are counted.
    await runBatch(target, casesFrom(cases, batchSize, connectionCase), start);
    await runBatch(target, casesFrom(cases, batchSize, callsCase), start);
  });
});

afterEach(async () => {
  await target[Symbol.asyncDispose]();
});

/** The numbers of one case: the same ones, whichever cases run beside it. */
function randomOf(kind: number, index: number): Random {
  return seeded(seed + kind * 1_000_000_007 + index * 2_654_435_761);
}

function connectionCase(index: number): FuzzCase {
  return {
    what: `connection ${index} of FUZZ_SEED=${seed}`,
    bytes: fuzzedConnection(randomOf(0, index)),
  };
}

/** Several calls on a connection. */
function callsCase(index: number): FuzzCase {
  const random = randomOf(1, index);
  const calls = Array.from({ length: callsPerConnection }, () => fuzzedCall(random));
  return { what: `calls ${index} of FUZZ_SEED=${seed}`, bytes: encodeFuzzedCalls(calls) };
}

/** Runs cases against the target, and expects of each a documented end. One that does not end is kept. */
async function expectDocumented(all: readonly FuzzCase[]): Promise<readonly FuzzOutcome[]> {
  const done = await runBatch(target, all, start);
  const findings: string[] = [];
  for (const [index, { wrong, hangs }] of done.entries()) {
    const each = all[index];
    if (each === undefined) continue;
    const { what, bytes } = each;
    if (hangs) findings.push(`${what} is not closed: ${await keep(each)}`);
    if (wrong !== undefined) findings.push(`${what}: ${wrong} for ${bytes.toString("hex")}`);
  }
  expect(findings).toEqual([]);
  await expectUnharmed(target, before);
  for (const { statuses, resets, isClosed, left } of done) {
    sum.statuses += statuses.length;
    sum.resets += resets;
    sum.closed += Number(isClosed);
    sum.left += left;
  }
  return done;
}

function casesFrom(from: number, count: number, make: (index: number) => FuzzCase): FuzzCase[] {
  return Array.from({ length: count }, (_, index) => make(from + index));
}

function* batchesOf(count: number, make: (index: number) => FuzzCase): Generator<FuzzCase[]> {
  for (let from = 0; from < count; from += batchSize) {
    yield casesFrom(from, Math.min(batchSize, count - from), make);
  }
}

test("what is malformed, and all that ever made a server misbehave, has a documented end", async () => {
  const corpus = await readCorpus();
  expect(corpus.length).toBeGreaterThan(0);
  await expectDocumented([
    ...malformedCases.map(({ title, bytes }) => ({ what: title, bytes, isKept: true })),
    ...corpus.map(({ name, bytes }) => ({ what: name, bytes, isKept: true })),
  ]);
});

test("connections that are fuzzed have a documented end", async () => {
  const count = Math.round(cases * connectionShare);
  for (const batch of batchesOf(count, connectionCase)) {
    const outcomes = await expectDocumented(batch);
    expect(outcomes).toHaveLength(batch.length);
    sum.cases += batch.length;
  }
});

test("calls that are fuzzed have a documented status", async () => {
  const count = Math.ceil((cases * (1 - connectionShare)) / callsPerConnection);
  const documented = ["OK", "INVALID_ARGUMENT", "INTERNAL", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED"];
  const seen = new Set<string>();
  for (const batch of batchesOf(count, callsCase)) {
    for (const [index, { statuses }] of (await expectDocumented(batch)).entries()) {
      // None was reset, and none is without an answer.
      expect([batch[index]?.what, statuses.length]).toEqual([
        batch[index]?.what,
        callsPerConnection,
      ]);
      for (const status of statuses) seen.add(status);
    }
    sum.cases += batch.length * callsPerConnection;
  }
  expect(documented).toEqual(expect.arrayContaining(Array.from(seen)));
  // It has not only made calls that are refused for one reason.
  expect(seen.size).toBeGreaterThanOrEqual(4);
});

test("a service that is fuzzed logs no error", async () => {
  await using service = await startService({ name: "user-service", dataDir: "memory://" });
  const port = Number(service.target.split(":")[1]);
  const all = [...casesFrom(0, 500, connectionCase), ...casesFrom(0, 100, callsCase)];
  const outcomes = await runCases(port, all);
  expect(outcomes.filter(({ wrong }) => wrong !== undefined)).toEqual([]);
  expect(service.log.filter(({ level }) => level >= 40)).toEqual([]);
  expect(service.printed()).not.toContain("Error:");
});

test("they are counted", () => {
  expect(sum.cases).toBeGreaterThanOrEqual(cases);
  const { statuses, resets, closed, left } = sum;
  report({
    what: `${malformedCases.length} malformed frames and ${cases.toLocaleString("en")} fuzzed ones`,
    must: "a documented status or a closed stream each",
    measured: `${statuses} statuses, ${resets} resets, ${closed} connections closed by the server, ${left} streams closed with their connection; nothing else, the process unharmed`,
  });
});
