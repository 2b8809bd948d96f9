/** What do callers see of a deployment, and of connections that are closed for their age? */
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { UserServiceDefinition } from "@org/contracts/user/v1";
import { startPostgres } from "@org/database/testing";
import { createChannel, createClient } from "@org/kit/client";
import { report } from "../support/figures.ts";
import { startReplicas } from "../support/replicas.ts";
import { startService } from "../support/service-process.ts";
import { failuresIn, startLoad, summaryOf } from "../support/steady-load.ts";

const rounds = 10;

test("rolling restart of 3 replicas under load, 10 rounds", async () => {
  await using replicas = await startReplicas(3);
  using client = replicas.connect();
  const { users } = client;
  const { id: userId } = await users.createUser({ name: "Ada", email: "ada@example.org" });
  const reads = startLoad(300, () => users.getUser({ userId }));
  const writes = startLoad(100, (number) =>
    users.createUser({ name: `User ${number}`, email: "u@example.org" }),
  );
  for (let round = 0; round < rounds; round += 1) {
    for (const index of replicas.ports.keys()) {
      replicas.process(index).kill("SIGTERM");
      expect(await replicas.process(index).ended).toEqual({ code: 0, signal: null });
      await replicas.restart(index);
      // As a rollout waits until a replica is ready, and then for those who have to hear of it.
      await delay(1_000);
    }
  }
  const all = [...(await reads.stop()), ...(await writes.stop())];
  const failed = failuresIn(all);
  report({
    what: "rolling restart of 3 replicas under load, 10 rounds",
    must: "0 failures",
    measured: `${failed.length} of ${all.length} calls failed`,
  });
  expect(summaryOf(failed)).toEqual({});
});

test("restart of 3 workers by SIGHUP under load, 10 rounds", async () => {
  await using postgres = await startPostgres();
  await using service = await startService({
    name: "user-service",
    dataDir: "unused",
    env: { DATABASE_URL: await postgres.createDatabase(), WORKERS: "3" },
  });
  // Several connections, so that each worker has some.
  const channel = createChannel({
    target: service.target,
    services: [UserServiceDefinition],
    connections: 6,
  });
  const users = createClient(UserServiceDefinition, { channel });
  const { id: userId } = await users.createUser({ name: "Ada", email: "ada@example.org" });
  const reads = startLoad(300, () => users.getUser({ userId }));
  const writes = startLoad(100, (number) =>
    users.createUser({ name: `User ${number}`, email: "u@example.org" }),
  );
  for (let round = 1; round <= rounds; round += 1) {
    service.kill("SIGHUP");
    await service.logged("restarted the workers", round);
  }
  const all = [...(await reads.stop()), ...(await writes.stop())];
  const failed = failuresIn(all);
  channel.close();
  service.kill("SIGTERM");
  expect(await service.ended).toEqual({ code: 0, signal: null });
  report({
    what: "restart of 3 workers by SIGHUP under load, 10 rounds",
    must: "0 failures",
    measured: `${failed.length} of ${all.length} calls failed`,
  });
  expect(summaryOf(failed)).toEqual({});
});

test("connection age 500 ms under load", async () => {
  await using replicas = await startReplicas(3, { GRPC_MAX_CONNECTION_AGE_MS: "500" });
  using client = replicas.connect();
  const { users } = client;
  const { id: userId } = await users.createUser({ name: "Ada", email: "ada@example.org" });
  const reads = startLoad(700, () => users.getUser({ userId }));
  const writes = startLoad(300, (number) =>
    users.createUser({ name: `User ${number}`, email: "u@example.org" }),
  );
  await delay(20_000);
  const all = [...(await reads.stop()), ...(await writes.stop())];
  const failed = failuresIn(all);
  report({
    what: "connection age 500 ms under load",
    must: "0 failures",
    measured: `${failed.length} of ${all.length} calls failed`,
  });
  expect(summaryOf(failed)).toEqual({});
});
