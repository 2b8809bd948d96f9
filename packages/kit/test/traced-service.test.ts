/** Services whose calls are traced, as processes. */
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server } from "node:net";
import { describe, expect, test } from "@jest/globals";
import { EchoDefinition } from "./echo.ts";
import { startService } from "./service-process.ts";
import { startCollector } from "../../../conformance/support/trace-collector.ts";

const name = `${EchoDefinition.fullName}/Echo`;
const wellEnded = { code: 0, signal: null };

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

describe("a service whose environment asks for traces", () => {
  test("has sent all of them when it has ended", async () => {
    await using collector = await startCollector();
    await using service = await startService({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
    });
    using client = await service.connect();
    await client.client.echo({});
    service.kill("SIGTERM");
    expect(await service.ended).toEqual(wellEnded);
    expect(collector.spans).toHaveLength(2);
    for (const span of collector.spans) {
      expect(span).toMatchObject({
        name,
        kind: "SERVER",
        resource: {
          "service.name": "test",
          "deployment.environment.name": "test",
          "process.pid": service.pid,
        },
      });
    }
  });

  test("sends them now and then", async () => {
    await using collector = await startCollector();
    await using service = await startService({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.endpoint}/any/path`,
      OTEL_BSP_SCHEDULE_DELAY: "10",
      OTEL_SERVICE_NAME: "shop",
    });
    using client = await service.connect();
    await collector.atLeast(1);
    await client.client.echo({});
    const spans = await collector.atLeast(2);
    expect(spans.map(({ resource }) => resource["service.name"])).toEqual(["shop", "shop"]);
  });

  test("sends those of all of its workers", async () => {
    await using collector = await startCollector();
    await using service = await startService({
      WORKERS: "2",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    });
    using first = await service.connect();
    using second = await service.connect();
    service.kill("SIGTERM");
    expect(await service.ended).toEqual(wellEnded);
    const pids = collector.spans.map(({ resource }) => resource["process.pid"]);
    expect(new Set(pids)).toEqual(new Set([first.pid, second.pid]));
  });

  test("serves, and ends, where nobody takes them", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const port = portOf(taken);
    taken.close();
    await once(taken, "close");
    await using service = await startService({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_BSP_SCHEDULE_DELAY: "10",
      OTEL_EXPORTER_OTLP_TIMEOUT: "100",
    });
    using client = await service.connect();
    await client.client.echo({});
    const line = await service.line(({ msg }) => msg === "OpenTelemetry");
    expect(JSON.stringify(line)).toContain("ECONNREFUSED");
    service.kill("SIGTERM");
    expect(await service.ended).toEqual(wellEnded);
  });

  test.each(["1", "2"])(
    "ends where they are taken and not answered, with WORKERS=%s",
    async (workers) => {
      const taken = Promise.withResolvers<void>();
      const silent = createHttpServer(() => {
        taken.resolve();
      }).listen(0, "127.0.0.1");
      await once(silent, "listening");
      await using service = await startService({
        WORKERS: workers,
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${portOf(silent)}`,
        OTEL_BSP_SCHEDULE_DELAY: "10",
      });
      using client = await service.connect();
      await client.client.echo({});
      await taken.promise;
      service.kill("SIGTERM");
      expect(await service.ended).toEqual(wellEnded);
      expect(service.log.map(({ msg }) => msg)).toContain("the last traces were not sent in time");
      silent.closeAllConnections();
      silent.close();
    },
  );

  test("says so where it does not trace", async () => {
    await using service = await startService({
      OTEL_TRACES_EXPORTER: "otlp",
      LOADS_TRACING: "false",
    });
    using client = await service.connect();
    expect(client.pid).toBe(service.pid);
    expect(service.log[0]).toMatchObject({ msg: expect.stringContaining("no calls are traced") });
  });

  test.each([
    ["OTEL_TRACES_EXPORTER", "jaeger", "it must be one of otlp, console, none"],
    ["OTEL_TRACES_SAMPLER", "sometimes", "it must be one of always_on"],
    ["OTEL_TRACES_SAMPLER_ARG", "1.5", "it must be a number from 0 to 1"],
    ["OTEL_TRACES_SAMPLER_ARG", "1 %", "it must be a number from 0 to 1"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "it must be a URL such as http"],
    ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "traces", "it must be a URL such as http"],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "it must be http/protobuf"],
    ["OTEL_BSP_MAX_QUEUE_SIZE", "0", "it must be a whole number"],
    ["OTEL_SDK_DISABLED", "perhaps", "it must be true or false"],
  ])("does not start where %s is %s", async (variable, value, problem) => {
    await using service = await startService({ [variable]: value });
    expect(await service.ended).toEqual({ code: 1, signal: null });
    expect(service.stderr()).toContain(`${variable} is ${JSON.stringify(value)}: ${problem}`);
  });
});
