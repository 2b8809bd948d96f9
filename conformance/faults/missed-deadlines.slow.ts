/** Do calls that miss their deadlines harm those beside them? */
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { User, UserServiceDefinition } from "@org/contracts/user/v1";
import { Code, createChannel, createClient } from "@org/kit/client";
import { startCountingServer, userReading } from "../support/counting-server.ts";
import { report } from "../support/figures.ts";
import { failuresIn, startLoad, summaryOf } from "../support/steady-load.ts";

test("400 calls a second that miss their deadlines, beside good traffic on the same client", async () => {
  const never = new Promise<never>(() => undefined);
  await using server = await startCountingServer(({ userId }) =>
    userId === "slow" ? never : User.fromPartial({ id: userId }),
  );
  const channel = createChannel({
    target: server.server.target,
    services: [UserServiceDefinition],
  });
  const client = createClient(userReading, { channel });
  const bad = startLoad(400, () => client.getUser({ userId: "slow" }, { timeoutMs: 50 }));
  const good = startLoad(200, () => client.getUser({ userId: "u" }));
  await delay(20_000);
  const missed = await bad.stop();
  const outcomes = await good.stop();
  channel.close();
  const failed = failuresIn(outcomes);
  report({
    what: "400 calls/s that miss their deadlines beside good traffic on the same client",
    must: "good calls unaffected",
    measured: `${failed.length} of ${outcomes.length} good calls failed beside ${missed.length} that missed theirs, on ${server.peers.size} connection`,
  });
  expect(summaryOf(failed)).toEqual({});
  expect(new Set(missed.map(({ code }) => code))).toEqual(new Set([Code.DEADLINE_EXCEEDED]));
});
