/** How many handlers can be made to work at the same time by calls that are reset at once? (CVE-2023-44487) */
import { constants } from "node:http2";
import { expect, test } from "@jest/globals";
import { GetUserRequest } from "@org/contracts/user/v1";
import { report } from "../support/figures.ts";
import { connectRaw, frame, type RawConnection } from "../support/raw-grpc.ts";
import { startTarget, type Target } from "../support/target.ts";
import { startPostgres } from "@org/database/testing";
import { expectUnharmed, rehearsed } from "../support/unharmed.ts";

const connections = 50;
const resetsEach = 900;
const maxConcurrentCalls = 500;

test("50 connections × 900 rapid resets", async () => {
  await using postgres = await startPostgres();
  // Handlers that are at work for as long as their statements, which are cancelled with the calls.
  await using target = await startTarget({
    databaseUrl: await postgres.createDatabase(),
    maxConcurrentCalls,
  });
  // Twice, as each time another number of handlers are at work at once.
  const before = await rehearsed(target, async () => {
    await reset(target);
    await reset(target);
  });
  await reset(target);
  const { peakHandlers } = await target.state();
  expect(peakHandlers).toBeGreaterThan(0);
  expect(peakHandlers).toBeLessThanOrEqual(maxConcurrentCalls);
  await expectUnharmed(target, before);
  report({
    what: `${connections} connections × ${resetsEach} rapid resets, at most ${maxConcurrentCalls} calls`,
    must: "live handlers never above the limit",
    measured: `at most ${peakHandlers} live handlers`,
  });
});

/** Begins all calls, and resets each as soon as it is with the server. */
async function reset(target: Target): Promise<void> {
  const raw: RawConnection[] = [];
  for (let index = 0; index < connections; index += 1) raw.push(await connectRaw(target.address));
  const body = frame(GetUserRequest.encode({ userId: "sql:200" }).finish());
  await Promise.all(
    raw.map(async (connection) => {
      const ended: Promise<unknown>[] = [];
      for (let count = 0; count < resetsEach; count += 1) {
        const path = "/org.user.v1.UserService/GetUser";
        const { stream, answer } = connection.open({ path, body });
        stream.end();
        ended.push(answer.catch(() => undefined));
        // With the request on its way: what is reset in the same packet never reaches a handler.
        if (count % 30 === 29) await connection.ping();
        stream.close(constants.NGHTTP2_CANCEL);
      }
      await Promise.all(ended);
    }),
  );
  for (const connection of raw) await connection[Symbol.asyncDispose]();
}
