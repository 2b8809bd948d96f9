/** Somebody to send traces to: an OTLP endpoint that keeps what it gets. */
import { once } from "node:events";
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";
import protobuf from "protobufjs";
import { z } from "zod";

/** What there is of a call, or of a part of it. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Undefined for the first of a trace. */
  readonly parentSpanId: string | undefined;
  readonly name: string;
  /** https://opentelemetry.io/docs/specs/otel/trace/api/#spankind */
  readonly kind: "INTERNAL" | "SERVER" | "CLIENT" | "other";
  readonly isError: boolean;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Of the process. */
  readonly resource: Readonly<Record<string, unknown>>;
}

/** A collector of traces. */
export interface TraceCollector extends AsyncDisposable {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly endpoint: string;
  readonly spans: readonly CollectedSpan[];
  /** How many batches have come. */
  readonly batches: number;
  /** Resolves with the spans once there are so many. */
  atLeast(count: number): Promise<readonly CollectedSpan[]>;
}

// What the tests read of https://github.com/open-telemetry/opentelemetry-proto
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Request { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message ScopeSpans { repeated Span spans = 2; }
  message KeyValue { string key = 1; Value value = 2; }
  message Value { oneof value { string text = 1; int64 whole = 3; } }
  message Status { int32 code = 3; }
  message Span {
    bytes trace_id = 1;
    bytes span_id = 2;
    bytes parent_span_id = 4;
    string name = 5;
    int32 kind = 6;
    repeated KeyValue attributes = 9;
    Status status = 15;
  }
`);
const requestType = root.lookupType("Request");

const keyValues = z.array(
  z.object({
    key: z.string(),
    value: z.object({ text: z.string().optional(), whole: z.number().optional() }).optional(),
  }),
);
const bytes = z.base64().transform((text) => Buffer.from(text, "base64").toString("hex"));
const request = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: keyValues }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              traceId: bytes,
              spanId: bytes,
              parentSpanId: bytes.optional(),
              name: z.string(),
              kind: z.number(),
              attributes: keyValues,
              status: z.object({ code: z.number().optional() }).optional(),
            }),
          ),
        }),
      ),
    }),
  ),
});

const kinds = ["other", "INTERNAL", "SERVER", "CLIENT"] as const;
const errorStatus = 2;

/** Starts a collector on a free port. */
export async function startCollector(): Promise<TraceCollector> {
  const spans: CollectedSpan[] = [];
  let batches = 0;
  let changed = Promise.withResolvers<void>();
  const server = createServer((incoming, response) => {
    void buffer(incoming).then((body) => {
      spans.push(...read(body));
      batches += 1;
      response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
      changed.resolve();
      changed = Promise.withResolvers();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    spans,
    get batches() {
      return batches;
    },
    async atLeast(count) {
      while (spans.length < count) await changed.promise;
      return spans;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function read(body: Buffer): CollectedSpan[] {
  const decoded = requestType.toObject(requestType.decode(body), {
    bytes: String,
    longs: Number,
    arrays: true,
  });
  return request.parse(decoded).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ kind, status, attributes, parentSpanId, ...span }) => ({
        ...span,
        parentSpanId,
        kind: kinds[kind] ?? "other",
        isError: status?.code === errorStatus,
        attributes: valuesOf(attributes),
        resource: valuesOf(resource.attributes),
      })),
    ),
  );
}

function valuesOf(attributes: z.infer<typeof keyValues>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value?.text ?? value?.whole]));
}
