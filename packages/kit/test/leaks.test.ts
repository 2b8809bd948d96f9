import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Child, startChild } from "./child.ts";
import { callAny, failureOf, message, methods } from "./echo-server.ts";

// What a server holds can be seen only where its garbage is collected on demand.
let child: Child;

beforeAll(async () => {
  child = await startChild();
});

afterAll(async () => {
  await child[Symbol.asyncDispose]();
});

/** How many calls of each way to end are made; of what leaks, all would be left. */
const rounds = 100;

describe.each(methods)("%s", (method) => {
  test.each(["answer", "throw an error", "throw a status"])(
    "leaves nothing behind when the handler is to %s",
    async (requestId) => {
      for (let round = 0; round < rounds; round += 1) {
        // Of a deadline that is far away, nothing may wait for it either.
        const call = callAny(child.client, method, { timeoutMs: 600_000 }, message(requestId));
        await call.catch(() => undefined);
      }
      expect(await heldAtLast()).toBeLessThan(rounds / 2);
    },
  );

  test("leaves nothing behind when the client cancels", async () => {
    const signals = Array.from({ length: rounds }, () => AbortSignal.timeout(200));
    const calls = signals.map((signal) =>
      failureOf(callAny(child.client, method, { signal }, message("never read on"))),
    );
    await Promise.all(calls);
    expect(await heldAtLast()).toBeLessThan(rounds / 2);
  });
});

/** How many calls the server still holds, when it has had some time to let go of them. */
async function heldAtLast(): Promise<number> {
  let held = rounds;
  for (let asked = 0; asked < 100 && held >= rounds / 2; asked += 1) {
    ({ held } = await child.collect());
  }
  return held;
}
