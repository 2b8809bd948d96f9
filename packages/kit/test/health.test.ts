import { expect, test } from "@jest/globals";
import { createClient } from "../src/client-index.ts";
import {
  HealthCheckResponse_ServingStatus as Status,
  HealthDefinition,
} from "../src/gen/health/v1/health.ts";
import { Code } from "../src/index.ts";
import { EchoDefinition } from "./echo.ts";
import { callAny, type EchoServer, failureOf, message, startEcho } from "./echo-server.ts";

function healthOf({ channel }: EchoServer) {
  return createClient(HealthDefinition, { channel });
}

test("the server and each of its services serve", async () => {
  await using echo = await startEcho({});
  const health = healthOf(echo);
  expect(await health.check({})).toEqual({ status: Status.SERVING });
  expect(await health.check({ service: "" })).toEqual({ status: Status.SERVING });
  const { fullName: service } = EchoDefinition;
  expect(await health.check({ service })).toEqual({ status: Status.SERVING });
});

test("a service that nobody knows is not found", async () => {
  await using echo = await startEcho({});
  const error = await failureOf(healthOf(echo).check({ service: "unknown.Service" }));
  expect(error.code).toBe(Code.NOT_FOUND);
});

test("watching a service that nobody knows waits for it", async () => {
  await using echo = await startEcho({});
  const watching = healthOf(echo).watch({ service: "unknown.Service" });
  const { value } = await watching.next();
  expect(value).toEqual({ status: Status.SERVICE_UNKNOWN });
  await watching.return?.();
});

test("the health can be asked for while calls keep the server from closing", async () => {
  const started = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  await using echo = await startEcho(
    {
      async echo() {
        started.resolve();
        await release.promise;
        return message("answer");
      },
    },
    { graceMs: 20_000 },
  );
  const health = healthOf(echo);
  const all = health.watch({});
  const one = health.watch({ service: EchoDefinition.fullName });
  expect([(await all.next()).value, (await one.next()).value]).toEqual([
    { status: Status.SERVING },
    { status: Status.SERVING },
  ]);
  const call = callAny(echo.client, "echo");
  await started.promise;
  const closed = echo.server.close();
  expect([(await all.next()).value, (await one.next()).value]).toEqual([
    { status: Status.NOT_SERVING },
    { status: Status.NOT_SERVING },
  ]);
  release.resolve();
  expect(await call).toEqual(["answer"]);
  await closed;
});
