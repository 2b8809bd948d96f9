import { once } from "node:events";
import { connect as connectHttp2, constants } from "node:http2";
import { createServer } from "node:http";
import { connect as connectTcp } from "node:net";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Counter } from "prom-client";
import { createClient } from "../src/client-index.ts";
import { HealthDefinition } from "../src/gen/health/v1/health.ts";
import {
  Code,
  createLogger,
  type MetricsServer,
  type RetryPolicy,
  RpcError,
  serveMetrics,
} from "../src/index.ts";
import { serveSnapshots } from "../src/serve-metrics.ts";
import { EchoDefinition } from "./echo.ts";
import { callAny, failureOf, handlersOf, message, methods, startEcho } from "./echo-server.ts";
import { type MetricsPage, readMetrics } from "./metrics-page.ts";
import { echoWith } from "./policy.ts";

const logger = createLogger({ name: "test", level: "silent" });
let metrics: MetricsServer;

beforeAll(async () => {
  metrics = await serveMetrics({ logger, maxAgeMs: 0 });
});

afterAll(() => {
  metrics.close();
});

const retry: RetryPolicy = {
  maxAttempts: 4,
  initialBackoffMs: 1,
  maxBackoffMs: 4,
  backoffMultiplier: 2,
  retryableCodes: [Code.UNAVAILABLE],
  throttling: { maxTokens: 100, tokenRatio: 0.1 },
};

const read = (): Promise<MetricsPage> => readMetrics(metrics.port);

const nameOf = (method: keyof typeof EchoDefinition.methods): string =>
  `${EchoDefinition.fullName}/${EchoDefinition.methods[method].name}`;

/** How much more a series has than it had. */
function more(before: MetricsPage, after: MetricsPage, series: string): number {
  return (after.value(series) ?? 0) - (before.value(series) ?? 0);
}

/** Reads until a series has so much more than before: servers count a call when its stream is closed. */
async function readUntil(before: MetricsPage, series: string, by: number): Promise<MetricsPage> {
  for (;;) {
    const page = await read();
    if (more(before, page, series) >= by) return page;
  }
}

test("calls of all kinds are counted by both sides", async () => {
  await using echo = await startEcho(
    handlersOf(async function* () {
      yield message("answer");
    }),
  );
  const before = await read();
  for (const method of methods) await callAny(echo.client, method);
  const target = echo.channel.getTarget();
  for (const method of methods) {
    const server = `grpc_method="${nameOf(method)}"`;
    const client = `${server},grpc_target="${target}"`;
    const count = `grpc_server_call_duration_seconds_count{${server},grpc_status="OK"}`;
    const after = await readUntil(before, count, 1);
    expect(more(before, after, count)).toBe(1);
    expect(more(before, after, `grpc_server_call_started_total{${server}}`)).toBe(1);
    expect(after.value(`grpc_client_call_started_total{${client}}`)).toBe(1);
    const duration = "grpc_client_call_duration_seconds";
    expect(after.value(`${duration}_count{${client},grpc_status="OK"}`)).toBe(1);
    const bucket = (le: string): string =>
      `${duration}_bucket{${client},grpc_status="OK",le="${le}"}`;
    // Over a socket, none is quicker, and none of these is as slow.
    expect(after.value(bucket("0.00001"))).toBe(0);
    expect(after.value(bucket("20"))).toBe(1);
    expect(after.value(bucket("+Inf"))).toBe(1);
    const sum = after.value(`${duration}_sum{${client},grpc_status="OK"}`);
    expect(sum).toBeGreaterThan(0.00001);
    expect(sum).toBeLessThan(20);
  }
});

test("a call is counted by what it ended with", async () => {
  await using echo = await startEcho({
    echo({ requestId }) {
      if (requestId === "missing") throw new RpcError(Code.NOT_FOUND, "it is not there");
      throw new Error("a defect");
    },
  });
  const before = await read();
  await failureOf(echo.client.echo({ requestId: "missing" }));
  await failureOf(echo.client.echo({}));
  const target = echo.channel.getTarget();
  for (const code of ["NOT_FOUND", "INTERNAL"]) {
    const labels = `grpc_method="${nameOf("echo")}"`;
    const count = `grpc_server_call_duration_seconds_count{${labels},grpc_status="${code}"}`;
    const after = await readUntil(before, count, 1);
    expect(more(before, after, count)).toBe(1);
    const ofClient = `{${labels},grpc_target="${target}",grpc_status="${code}"}`;
    expect(after.value(`grpc_client_call_duration_seconds_count${ofClient}`)).toBe(1);
  }
});

test("a call that its caller gives up is counted by both sides", async () => {
  const begun = Promise.withResolvers<void>();
  await using echo = await startEcho({
    async echo(_request, { signal }) {
      begun.resolve();
      await once(signal, "abort");
      throw new Error("for nobody");
    },
  });
  const before = await read();
  const controller = new AbortController();
  const call = failureOf(echo.client.echo({}, { signal: controller.signal }));
  await begun.promise;
  const labels = `grpc_method="${nameOf("echo")}"`;
  expect((await read()).value("grpc_server_calls_in_flight")).toBe(1);
  controller.abort();
  await call;
  const count = `grpc_server_call_duration_seconds_count{${labels},grpc_status="CANCELLED"}`;
  const after = await readUntil(before, count, 1);
  const ofClient = `{${labels},grpc_target="${echo.channel.getTarget()}",grpc_status="CANCELLED"}`;
  expect(after.value(`grpc_client_call_duration_seconds_count${ofClient}`)).toBe(1);
  expect(
    (await readUntil(after, "grpc_server_calls_in_flight", 0)).value("grpc_server_calls_in_flight"),
  ).toBe(0);
});

test("a deadline that passes is what the call ended with", async () => {
  await using echo = await startEcho({
    async echo(_request, { signal }) {
      await once(signal, "abort");
      throw new Error("for nobody");
    },
  });
  const before = await read();
  await failureOf(echo.client.echo({}, { timeoutMs: 20 }));
  const labels = `grpc_method="${nameOf("echo")}",grpc_target="${echo.channel.getTarget()}"`;
  const count = `grpc_client_call_duration_seconds_count{${labels},grpc_status="DEADLINE_EXCEEDED"}`;
  const after = await read();
  expect(more(before, after, count)).toBe(1);
});

test("calls on a closed channel have started and ended", async () => {
  const echo = await startEcho({});
  const target = echo.channel.getTarget();
  await echo[Symbol.asyncDispose]();
  await failureOf(echo.client.echo({}));
  const page = await read();
  const labels = `grpc_method="${nameOf("echo")}",grpc_target="${target}"`;
  expect(page.value(`grpc_client_call_started_total{${labels}}`)).toBe(1);
  const count = `grpc_client_call_duration_seconds_count{${labels},grpc_status="CANCELLED"}`;
  expect(page.value(count)).toBe(1);
});

test("retries are counted, and each attempt is a call to the server", async () => {
  let attempts = 0;
  await using echo = await startEcho(
    {
      echo() {
        attempts += 1;
        if (attempts < 3) throw RpcError.unavailable("try again", { retryAfterMs: 1 });
        return message("answer");
      },
    },
    { definition: echoWith({ idempotency: "IDEMPOTENT", service: { retry } }) },
  );
  const before = await read();
  await echo.client.echo({});
  const labels = `grpc_method="${nameOf("echo")}"`;
  const count = `grpc_server_call_duration_seconds_count{${labels},grpc_status="OK"}`;
  const after = await readUntil(before, count, 1);
  expect(more(before, after, `grpc_server_call_started_total{${labels}}`)).toBe(3);
  const ofClient = `${labels},grpc_target="${echo.channel.getTarget()}"`;
  expect(after.value(`grpc_client_call_retries_total{${ofClient}}`)).toBe(2);
  expect(after.value(`grpc_client_call_started_total{${ofClient}}`)).toBe(1);
});

test("what is refused is counted, with why", async () => {
  const begun = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  await using echo = await startEcho(
    {
      async echo() {
        begun.resolve();
        await release.promise;
        return message("answer");
      },
    },
    { maxConcurrentCalls: 1 },
  );
  const before = await read();
  const first = echo.client.echo({});
  await begun.promise;
  await failureOf(echo.client.echo({}));
  const labels = `grpc_method="${nameOf("echo")}"`;
  const after = await read();
  const refused = `grpc_server_call_refused_total{${labels},reason="too_many_calls"}`;
  expect(more(before, after, refused)).toBe(1);
  const ended = `grpc_server_call_duration_seconds_count{${labels},grpc_status="UNAVAILABLE"}`;
  expect(more(before, after, ended)).toBe(1);
  release.resolve();
  await first;
});

test("health checks are counted, and methods that are not there all together", async () => {
  await using echo = await startEcho({});
  const before = await read();
  await createClient(HealthDefinition, { channel: echo.channel }).check({});
  const { channel } = echo;
  const definition = { ...EchoDefinition, fullName: "org.kit.test.v1.NoService" };
  await failureOf(createClient(definition, { channel }).echo({}));
  const health = `{grpc_method="grpc.health.v1.Health/Check",grpc_status="OK"}`;
  const other = `{grpc_method="other",grpc_status="UNIMPLEMENTED"}`;
  const count = "grpc_server_call_duration_seconds_count";
  await readUntil(before, count + health, 1);
  const after = await readUntil(before, count + other, 1);
  expect(after.series(`grpc_server`).filter((each) => each.includes("NoService"))).toEqual([]);
});

test("a request that is no gRPC is counted as none knows what", async () => {
  await using echo = await startEcho({});
  const before = await read();
  const session = connectHttp2(`http://${echo.server.target}`);
  const path = `/${nameOf("echo")}`;
  const request = session.request({
    [constants.HTTP2_HEADER_METHOD]: "POST",
    [constants.HTTP2_HEADER_PATH]: path,
    [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/json",
  });
  await once(request.end("{}").resume(), "close");
  session.close();
  const count = `grpc_server_call_duration_seconds_count{grpc_method="${nameOf("echo")}",grpc_status="UNKNOWN"}`;
  expect(more(before, await readUntil(before, count, 1), count)).toBe(1);
});

test("connections are counted for as long as they are open", async () => {
  const before = await read();
  expect(before.value("grpc_server_connections")).toBeUndefined();
  {
    await using echo = await startEcho(
      handlersOf(async function* () {
        yield message("answer");
      }),
    );
    await callAny(echo.client, "echo");
    const page = await read();
    expect(page.value("grpc_server_connections")).toBe(1);
    expect(page.value("grpc_server_call_limit")).toBeGreaterThan(0);
  }
  expect((await read()).value("grpc_server_connections")).toBeUndefined();
});

test("what prom-client's default registry has is shown as well, and what the process is like", async () => {
  new Counter({ name: "orders_total", help: "Orders.", labelNames: ["kind"] }).inc(
    { kind: "gift" },
    3,
  );
  const page = await read();
  expect(page.value('orders_total{kind="gift"}')).toBe(3);
  expect(page.value("process_resident_memory_bytes")).toBeGreaterThan(1_000_000);
  expect(page.value("process_start_time_seconds")).toBeGreaterThan(1_000_000_000);
  expect(page.value("nodejs_eventloop_lag_p99_seconds")).toBeGreaterThan(0);
});

test("each metric says what it is", async () => {
  const { text } = await read();
  const lines = text.split("\n");
  expect(lines).toContain("# TYPE grpc_server_call_duration_seconds histogram");
  expect(lines).toContain("# TYPE grpc_server_call_started_total counter");
  const families = lines.flatMap((line) => /^# TYPE (\S+)/.exec(line)?.[1] ?? []);
  expect(new Set(families).size).toBe(families.length);
  for (const family of families) {
    expect(lines.some((line) => line.startsWith(`# HELP ${family} `))).toBe(true);
  }
});

test("there is nothing else to read, and nothing to write", async () => {
  const url = `http://127.0.0.1:${metrics.port}`;
  const wrong = await fetch(`${url}/`);
  expect([wrong.status, await wrong.text()]).toEqual([404, "there is /metrics only\n"]);
  expect((await fetch(`${url}/metrics`, { method: "POST" })).status).toBe(405);
  const right = await fetch(`${url}/metrics?name=x`);
  expect([right.status, right.headers.get("content-type")]).toEqual([
    200,
    "text/plain; version=0.0.4; charset=utf-8",
  ]);
});

test("a page is made once for all who ask meanwhile, and a moment later", async () => {
  let made = 0;
  const asked = Promise.withResolvers<void>();
  await using shown = closing(
    await serveSnapshots(
      async () => {
        made += 1;
        await asked.promise;
        return [];
      },
      { logger, maxAgeMs: 60_000 },
    ),
  );
  const pages = [1, 2, 3].map(() => fetch(shown.url));
  await until(() => made > 0);
  asked.resolve();
  for (const page of await Promise.all(pages)) expect(page.status).toBe(200);
  expect((await fetch(shown.url)).status).toBe(200);
  expect(made).toBe(1);
});

test("requests in a row on one connection get one page", async () => {
  await using shown = closing(await serveMetrics({ logger, maxAgeMs: 0 }));
  const socket = connectTcp(shown.port, "127.0.0.1");
  let text = "";
  socket.setEncoding("utf8").on("data", (part: string) => (text += part));
  socket.write("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100));
  await once(socket, "close");
  expect(text.match(/^HTTP\/1\.1 200/gm)).toHaveLength(1);
});

test("connections that say nothing keep nobody out", async () => {
  await using shown = closing(await serveMetrics({ logger }));
  const silent = Array.from({ length: 40 }, () =>
    connectTcp(shown.port, "127.0.0.1").on("error", () => undefined),
  );
  await Promise.all(silent.map((socket) => once(socket, "connect")));
  expect((await fetch(shown.url)).status).toBe(200);
  for (const socket of silent) socket.destroy();
});

function closing(shown: MetricsServer) {
  return {
    port: shown.port,
    url: `http://127.0.0.1:${shown.port}/metrics`,
    async [Symbol.asyncDispose]() {
      shown.close();
    },
  };
}

async function until(isReached: () => boolean): Promise<void> {
  while (!isReached()) await new Promise(setImmediate);
}

test("where the port is taken, that is said", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const address = taken.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await expect(serveMetrics({ port, logger })).rejects.toThrow(
    `cannot listen on 127.0.0.1:${port}: `,
  );
  await once(taken.close(), "close");
});

test("what cannot be taken is told, and the next time it is taken", async () => {
  let isBroken = true;
  const failing = await serveSnapshots(
    async () => {
      if (isBroken) throw new Error("broken");
      return [];
    },
    { logger, maxAgeMs: 0 },
  );
  const url = `http://127.0.0.1:${failing.port}/metrics`;
  expect((await fetch(url)).status).toBe(500);
  isBroken = false;
  expect((await fetch(url)).status).toBe(200);
  failing.close();
});
