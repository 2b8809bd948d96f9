import { context, trace } from "@opentelemetry/api";
import { Metadata } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { createClient } from "../src/client-index.ts";
import {
  type CallContext,
  Code,
  createLogger,
  type RetryPolicy,
  RpcError,
  type TracingConfig,
} from "../src/index.ts";
import { startTracing, type Tracing } from "../src/tracing-index.ts";
import { EchoDefinition } from "./echo.ts";
import {
  callAny,
  type EchoClient,
  type EchoServer,
  type EchoServerOptions,
  failureOf,
  handlersOf,
  type Method,
  message,
  methods,
  startEcho,
} from "./echo-server.ts";
import { echoWith } from "./policy.ts";
import {
  type CollectedSpan,
  startCollector,
  type TraceCollector,
} from "../../../conformance/support/trace-collector.ts";

const logger = createLogger({ name: "test", level: "silent" });

let collector: TraceCollector;
let tracing: Tracing | undefined;

beforeEach(async () => {
  collector = await startCollector();
});

afterEach(async () => {
  await tracing?.close();
  tracing = undefined;
  await collector[Symbol.asyncDispose]();
});

/** Has what follows in the test traced; all of it by default. */
function record(config: TracingConfig = {}): void {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint };
  tracing = startTracing({ ...endpoint, ...config }, { name: "echo", logger });
}

/** What was recorded: all calls of the test have to be over. */
async function recorded(): Promise<readonly CollectedSpan[]> {
  await tracing?.close();
  return collector.spans;
}

const nameOf = (method: Method): string =>
  `${EchoDefinition.fullName}/${EchoDefinition.methods[method].name}`;

/** A server whose handlers call another one, of which they say the same to whoever calls them. */
async function startChain(
  inner: EchoServer,
  method: Method,
  around: (call: () => Promise<string[]>, context: CallContext) => Promise<string[]> = (call) =>
    call(),
  options: EchoServerOptions = {},
): Promise<EchoServer> {
  return await startEcho(
    handlersOf(async function* (_requests, outer) {
      await new Promise(setImmediate);
      const answers = await around(() => callAny(inner.client, method), outer);
      for (const answer of answers) yield message(answer);
    }),
    options,
  );
}

/** Answers with the headers of each call that say where it is in a trace. */
function startTold(): Promise<EchoServer> {
  return startEcho(
    handlersOf(async function* (_requests, { metadata }) {
      const headers = [metadata.get("traceparent"), metadata.get("tracestate")];
      yield message(JSON.stringify(headers));
    }),
  );
}

function traced(traceparent: string, tracestate?: string): { readonly metadata: Metadata } {
  const metadata = new Metadata();
  metadata.set("traceparent", traceparent);
  if (tracestate !== undefined) metadata.set("tracestate", tracestate);
  return { metadata };
}

function only(
  spans: readonly CollectedSpan[],
  kind: CollectedSpan["kind"],
  nth = 0,
): CollectedSpan {
  const span = spans.filter((each) => each.kind === kind)[nth];
  if (span === undefined) throw new Error(`there is no ${kind} span: ${JSON.stringify(spans)}`);
  return span;
}

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";
const sampled = `00-${traceId}-${spanId}-01`;
const unsampled = `00-${traceId}-${spanId}-00`;

describe.each(methods)("%s", (method) => {
  test("is recorded by both sides", async () => {
    await using echo = await startTold();
    record();
    await callAny(echo.client, method);
    const spans = await recorded();
    expect(spans).toHaveLength(2);
    const client = only(spans, "CLIENT");
    const server = only(spans, "SERVER");
    const common = { "rpc.system.name": "grpc", "rpc.method": nameOf(method) };
    expect(client).toMatchObject({
      name: nameOf(method),
      isError: false,
      attributes: {
        ...common,
        "rpc.response.status_code": "OK",
        "server.address": "127.0.0.1",
        "server.port": echo.server.port,
      },
      resource: { "service.name": "echo", "process.pid": process.pid },
    });
    expect(client.parentSpanId).toBeUndefined();
    expect(server).toMatchObject({
      name: nameOf(method),
      traceId: client.traceId,
      parentSpanId: client.spanId,
      isError: false,
      attributes: {
        ...common,
        "rpc.response.status_code": "OK",
        "network.peer.address": "127.0.0.1",
        "network.peer.port": expect.any(Number),
      },
    });
  });

  test.each(methods)("is part of the trace of %s, whose handler calls it", async (outer) => {
    await using inner = await startTold();
    await using chain = await startChain(inner, method);
    record();
    await callAny(chain.client, outer);
    const spans = await recorded();
    expect(new Set(spans.map((span) => span.traceId)).size).toBe(1);
    const parents = new Map(spans.map((span) => [span.spanId, span]));
    const path = (span: CollectedSpan | undefined): string[] =>
      span === undefined ? [] : [...path(parents.get(span.parentSpanId ?? "")), span.kind];
    const [deepest] = spans.map(path).toSorted((a, b) => b.length - a.length);
    expect(deepest).toEqual(["CLIENT", "SERVER", "CLIENT", "SERVER"]);
    expect(spans).toHaveLength(4);
  });

  test("passes on what it is in, where nothing is recorded", async () => {
    await using inner = await startTold();
    await using chain = await startChain(inner, method);
    const [told] = await callAny(chain.client, "echo", traced(sampled, "vendor=1,other=2"));
    expect(told).toBe(JSON.stringify([[sampled], ["vendor=1,other=2"]]));
    const [nothing] = await callAny(chain.client, "echo");
    expect(nothing).toBe("[[],[]]");
  });
});

describe("which traces are recorded", () => {
  test("those that began elsewhere where that says so", async () => {
    await using inner = await startTold();
    await using chain = await startChain(inner, "echo");
    record({ OTEL_TRACES_SAMPLER: "parentbased_always_off" });
    const [followed] = await callAny(chain.client, "echo", traced(sampled, "vendor=1"));
    const [ignored] = await callAny(chain.client, "echo", traced(unsampled, "vendor=2"));
    await callAny(chain.client, "echo");
    const spans = await recorded();
    expect(spans.map((span) => span.kind).toSorted()).toEqual(["CLIENT", "SERVER", "SERVER"]);
    for (const span of spans) expect(span.traceId).toBe(traceId);
    const client = only(spans, "CLIENT");
    expect(followed).toBe(JSON.stringify([[`00-${traceId}-${client.spanId}-01`], ["vendor=1"]]));
    expect(spans.some((span) => span.parentSpanId === spanId)).toBe(true);
    expect(ignored).toBe(JSON.stringify([[unsampled], ["vendor=2"]]));
  });

  test("or, of all, the share that is asked for", async () => {
    await using inner = await startTold();
    await using chain = await startChain(inner, "echo");
    record({ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: 0.5 });
    const calls = 400;
    for (let i = 0; i < calls; i += 1) await callAny(chain.client, "echo");
    const spans = await recorded();
    const ofTraces = Map.groupBy(spans, (span) => span.traceId);
    expect(ofTraces.size).toBeGreaterThan(calls / 4);
    expect(ofTraces.size).toBeLessThan((calls * 3) / 4);
    // None in part.
    for (const parts of ofTraces.values()) expect(parts).toHaveLength(4);
  });

  test("of the same IDs everywhere", async () => {
    await using echo = await startTold();
    record({ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: 0.25 });
    // By the last 56 bits: what is not below three quarters of their range.
    const ids = {
      recorded: `${"1".repeat(18)}c0000000000000`,
      not: `${"1".repeat(18)}bfffffffffffff`,
    };
    for (const id of Object.values(ids)) {
      for (const flags of ["00", "01"]) {
        await callAny(echo.client, "echo", traced(`00-${id}-${spanId}-${flags}`));
      }
    }
    const spans = await recorded();
    expect(spans.map((span) => span.traceId)).toEqual([ids.recorded, ids.recorded]);
  });

  test("none", async () => {
    await using inner = await startTold();
    await using chain = await startChain(inner, "echo");
    record({ OTEL_TRACES_SAMPLER: "always_off" });
    const [told] = await callAny(chain.client, "echo");
    const [passed] = await callAny(chain.client, "echo", traced(sampled));
    expect(told).toMatch(/^\[\["00-[\da-f]{32}-[\da-f]{16}-00"\],\[\]\]$/);
    expect(passed).toBe(JSON.stringify([[unsampled], []]));
    expect(await recorded()).toEqual([]);
  });

  test.each([
    "",
    "00",
    sampled.toUpperCase(),
    `${sampled}-more`,
    `ff-${traceId}-${spanId}-01`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    `00-${traceId}-${spanId}-1`,
    `${sampled}, ${sampled}`,
  ])("by nothing that is no traceparent: %j", async (traceparent) => {
    await using inner = await startTold();
    await using chain = await startChain(inner, "echo");
    expect(await callAny(chain.client, "echo", traced(traceparent, "vendor=1"))).toEqual([
      "[[],[]]",
    ]);
    record();
    await callAny(inner.client, "echo", traced(traceparent));
    const server = only(await recorded(), "SERVER");
    expect(server.traceId).not.toBe(traceId);
    expect(server.parentSpanId).toBeUndefined();
  });

  test("and a tracestate is passed on that is no longer than it may be", async () => {
    await using inner = await startTold();
    await using chain = await startChain(inner, "echo");
    const longest = `a=${"1".repeat(254)},b=${"2".repeat(253)}`;
    expect(await callAny(chain.client, "echo", traced(sampled, longest))).toEqual([
      JSON.stringify([[sampled], [longest]]),
    ]);
    expect(await callAny(chain.client, "echo", traced(sampled, `${longest}3`))).toEqual([
      JSON.stringify([[sampled], []]),
    ]);
  });

  test("also by a traceparent of a later version", async () => {
    await using echo = await startTold();
    record({ OTEL_TRACES_SAMPLER: "parentbased_always_off" });
    await callAny(echo.client, "echo", traced(`cc-${traceId}-${spanId}-01-what-comes-then`));
    expect(only(await recorded(), "SERVER")).toMatchObject({ traceId, parentSpanId: spanId });
  });
});

describe("how a call has ended", () => {
  async function spansOf(
    call: (client: EchoClient) => Promise<unknown>,
    options: EchoServerOptions = {},
  ): Promise<{ readonly client: CollectedSpan; readonly server: CollectedSpan }> {
    await using echo = await startEcho(
      {
        echo({ requestId }) {
          if (requestId === "missing") throw new RpcError(Code.NOT_FOUND, "it is not there");
          throw new Error("a defect");
        },
      },
      options,
    );
    record();
    await failureOf(call(echo.client));
    const spans = await recorded();
    return { client: only(spans, "CLIENT"), server: only(spans, "SERVER") };
  }

  test("by what the caller has done", async () => {
    const { client, server } = await spansOf((echo) => echo.echo({ requestId: "missing" }));
    const attributes = { "rpc.response.status_code": "NOT_FOUND" };
    expect(client).toMatchObject({
      isError: true,
      attributes: { ...attributes, "error.type": "NOT_FOUND" },
    });
    expect(server).toMatchObject({ isError: false, attributes });
    expect(server.attributes).not.toHaveProperty(["error.type"]);
  });

  test("by what the server has", async () => {
    const { client, server } = await spansOf((echo) => echo.echo({}));
    const isError = {
      isError: true,
      attributes: { "rpc.response.status_code": "INTERNAL", "error.type": "INTERNAL" },
    };
    expect(client).toMatchObject(isError);
    expect(server).toMatchObject(isError);
  });

  test("without a server", async () => {
    await using echo = await startEcho({});
    record();
    echo.channel.close();
    await failureOf(echo.client.echo({}));
    const spans = await recorded();
    expect(spans).toHaveLength(1);
    expect(only(spans, "CLIENT").attributes).toMatchObject({ "error.type": "CANCELLED" });
  });

  test("after how many attempts", async () => {
    let calls = 0;
    const retry: RetryPolicy = {
      maxAttempts: 3,
      initialBackoffMs: 1,
      maxBackoffMs: 1,
      backoffMultiplier: 1,
      retryableCodes: [Code.UNAVAILABLE],
      throttling: { maxTokens: 100, tokenRatio: 0.1 },
    };
    await using echo = await startEcho(
      {
        echo() {
          calls += 1;
          if (calls < 3) throw new RpcError(Code.UNAVAILABLE, "not now");
          return message("");
        },
      },
      { definition: echoWith({ idempotency: "IDEMPOTENT", service: { retry } }) },
    );
    record();
    await echo.client.echo({});
    const spans = await recorded();
    expect(spans).toHaveLength(4);
    const client = only(spans, "CLIENT");
    expect(client.attributes).toMatchObject({
      "rpc.response.status_code": "OK",
      "previous-rpc-attempts": 2,
    });
    for (const server of spans.filter(({ kind }) => kind === "SERVER")) {
      expect(server.parentSpanId).toBe(client.spanId);
    }
  });
});

describe("what a service records itself", () => {
  /** Does something as a part of what is recorded. */
  async function within<T>(name: string, work: () => Promise<T>): Promise<T> {
    return await trace.getTracer("the service").startActiveSpan(name, async (span) => {
      const done = await work();
      span.end();
      return done;
    });
  }

  test("is part of the call, and what it calls is part of that", async () => {
    await using inner = await startTold();
    await using chain = await startChain(inner, "echo", (call) => within("work", call));
    record();
    await callAny(chain.client, "echo");
    const spans = await recorded();
    const work = only(spans, "INTERNAL");
    expect(work.parentSpanId).toBe(
      only(
        spans.filter((each) => each.spanId === work.parentSpanId),
        "SERVER",
      ).spanId,
    );
    expect(
      only(
        spans.filter((each) => each.parentSpanId === work.spanId),
        "CLIENT",
      ).traceId,
    ).toBe(work.traceId);
  });

  test("can be what it knows of the call", async () => {
    await using echo = await startEcho({
      async echo() {
        await new Promise(setImmediate);
        trace.getActiveSpan()?.setAttribute("shop.cart", 7);
        return message("");
      },
    });
    record();
    await echo.client.echo({});
    expect(only(await recorded(), "SERVER").attributes).toMatchObject({ "shop.cart": 7 });
  });

  test("is not recorded where the call is not", async () => {
    await using inner = await startTold();
    await using chain = await startChain(inner, "echo", (call) => within("work", call));
    record();
    const [told] = await callAny(chain.client, "echo", traced(unsampled));
    expect(told).toContain(`00-${traceId}-`);
    expect(told).toContain("-00");
    expect(await recorded()).toEqual([]);
  });

  test("begins a trace where there is no call", async () => {
    await using echo = await startTold();
    record();
    await within("job", () => callAny(echo.client, "echo"));
    const spans = await recorded();
    const job = only(spans, "INTERNAL");
    expect(job.parentSpanId).toBeUndefined();
    expect(only(spans, "CLIENT")).toMatchObject({ traceId: job.traceId, parentSpanId: job.spanId });
  });

  test("is not what a server was started in", async () => {
    await using inner = await startTold();
    record();
    await using chain = await within("start", async () => {
      const started = await startChain(inner, "echo", (call) => within("work", call));
      await callAny(started.client, "echo");
      return started;
    });
    await callAny(chain.client, "echo", traced(sampled));
    const spans = (await recorded()).filter((span) => span.traceId === traceId);
    expect(spans.map(({ kind }) => kind).toSorted()).toEqual([
      "CLIENT",
      "INTERNAL",
      "SERVER",
      "SERVER",
    ]);
  });

  test("goes on after the answer", async () => {
    const over = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    await using inner = await startTold();
    await using echo = await startEcho({
      echo() {
        void answered.promise.then(async () => {
          await callAny(inner.client, "echo");
          over.resolve();
        });
        return message("");
      },
    });
    record();
    await echo.client.echo({});
    answered.resolve();
    await over.promise;
    const spans = await recorded();
    expect(spans).toHaveLength(4);
    expect(new Set(spans.map((span) => span.traceId)).size).toBe(1);
  });
});

test("the lines of a call's log say which trace it is in", async () => {
  const lines: unknown[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const own = createLogger({ name: "shop", destination });
  const told = Promise.withResolvers<string | undefined>();
  await using echo = await startEcho({
    async echo(_request, call) {
      told.resolve(call.traceId);
      await new Promise(setImmediate);
      own.info("working");
      throw new Error("a defect");
    },
  });
  own.info("outside");
  record();
  await failureOf(echo.client.echo({}));
  const server = only(await recorded(), "SERVER");
  expect(await told.promise).toBe(server.traceId);
  const fields = { trace_id: server.traceId, span_id: server.spanId };
  expect(lines[0]).not.toHaveProperty("trace_id");
  expect(lines[1]).toMatchObject({ msg: "working", ...fields });
  expect(echo.log.find(({ msg }) => msg === "handler failed")).toMatchObject(fields);
  // Where nothing is recorded, what the call has come with.
  await failureOf(echo.client.echo({}, traced(unsampled)));
  expect(lines[2]).toMatchObject({ msg: "working", trace_id: traceId, span_id: spanId });
});

test("a call that says itself where it belongs is not contradicted", async () => {
  await using echo = await startTold();
  record();
  const [told] = await callAny(echo.client, "echo", traced(sampled));
  expect(told).toBe(JSON.stringify([[sampled], []]));
  const spans = await recorded();
  expect(spans).toHaveLength(1);
  expect(only(spans, "SERVER").parentSpanId).toBe(spanId);
});

test("with a token, a call is traced as well", async () => {
  await using echo = await startTold();
  const client = createClient(EchoDefinition, { channel: echo.channel, token: "secret" });
  record();
  const [told] = await callAny(client, "echo");
  const spans = await recorded();
  expect(told).toContain(only(spans, "CLIENT").traceId);
  expect(JSON.stringify(spans)).not.toContain("secret");
});

test("traces can go to the standard output", async () => {
  await using echo = await startTold();
  const written: unknown[] = [];
  const dir = jest.spyOn(console, "dir").mockImplementation((span) => void written.push(span));
  record({ OTEL_TRACES_EXPORTER: "console" });
  await callAny(echo.client, "echo");
  await recorded();
  dir.mockRestore();
  expect(written).toEqual([
    expect.objectContaining({ name: nameOf("echo"), kind: 1 }),
    expect.objectContaining({ name: nameOf("echo"), kind: 2 }),
  ]);
  expect(collector.spans).toEqual([]);
});

test("nothing is traced where nothing says so, or something says no", async () => {
  await using echo = await startTold();
  tracing = startTracing({}, { name: "echo" });
  expect(await callAny(echo.client, "echo")).toEqual(["[[],[]]"]);
  record({ OTEL_TRACES_EXPORTER: "none" });
  expect(await callAny(echo.client, "echo")).toEqual(["[[],[]]"]);
  record({ OTEL_SDK_DISABLED: true });
  expect(await callAny(echo.client, "echo")).toEqual(["[[],[]]"]);
  expect(await recorded()).toEqual([]);
});

test("what is traced already is not traced again, but after that", async () => {
  await using echo = await startTold();
  record();
  const first = tracing;
  expect(() => {
    record();
  }).toThrow(new Error("the calls of this process are traced already"));
  await first?.close();
  await first?.close();
  expect(trace.getSpan(context.active())).toBeUndefined();
  record();
  await callAny(echo.client, "echo");
  expect(await recorded()).toHaveLength(2);
});
