import { type CallMetrics, callMetrics } from "./call-metrics.ts";
import { codeName } from "./code.ts";
import { latencyBounds } from "./latency-histogram.ts";
import { serverGauges, type ServerGauges } from "./server-gauges.ts";

/** A value of a metric, as prom-client has it. */
interface MetricValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  /** Where it is not the family's, such as `…_bucket`. */
  readonly metricName?: string;
}

/** All values of a metric, as prom-client has them. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly values: readonly MetricValue[];
}

/**
 * What the servers and clients of this process have counted. Names and buckets are those of gRPC's own, where there are
 * such: https://github.com/grpc/proposal/blob/master/A66-otel-stats.md
 */
export function metricFamilies(): readonly MetricFamily[] {
  const server = [...callMetrics.server.values()];
  const client = [...callMetrics.client.values()];
  return [
    counter("grpc_server_call_started_total", "Calls that have come.", server, started),
    durations(
      "grpc_server_call_duration_seconds",
      "How long calls took, until their status was sent.",
      server,
    ),
    counter(
      "grpc_server_call_refused_total",
      "Calls that were refused before anybody looked at them, by reason.",
      server,
      refused,
    ),
    gauge("grpc_server_calls_in_flight", "Calls that are not over.", ({ callsInFlight }) =>
      callsInFlight(),
    ),
    gauge("grpc_server_connections", "Connections that are open.", ({ connections }) =>
      connections(),
    ),
    gauge(
      "grpc_server_call_limit",
      "Unary calls that are worked on at a time before more are refused.",
      ({ callLimit }) => callLimit(),
    ),
    counter("grpc_client_call_started_total", "Calls that were made.", client, started),
    durations("grpc_client_call_duration_seconds", "How long calls took, with retries.", client),
    counter("grpc_client_call_retries_total", "How often calls were tried again.", client, retried),
  ].filter(({ values }) => values.length > 0);
}

function started({ started: value, labels }: CallMetrics): readonly MetricValue[] {
  return [{ value, labels }];
}

function retried({ retries: value, labels }: CallMetrics): readonly MetricValue[] {
  return [{ value, labels }];
}

function refused({ refused: reasons, labels }: CallMetrics): readonly MetricValue[] {
  return Array.from(reasons, ([reason, value]) => ({ value, labels: { ...labels, reason } }));
}

function counter(
  name: string,
  help: string,
  calls: readonly CallMetrics[],
  valuesOf: (each: CallMetrics) => readonly MetricValue[],
): MetricFamily {
  return { name, help, type: "counter", values: calls.flatMap(valuesOf) };
}

function durations(name: string, help: string, calls: readonly CallMetrics[]): MetricFamily {
  const values = calls.flatMap((each) =>
    each.durations.flatMap(([code, { cumulative, sum }]) => {
      const labels = { ...each.labels, grpc_status: codeName(code) };
      return [
        ...cumulative.map((value, index) => ({
          value,
          labels: { ...labels, le: latencyBounds[index] ?? "+Inf" },
          metricName: `${name}_bucket`,
        })),
        { value: sum, labels, metricName: `${name}_sum` },
        { value: cumulative.at(-1) ?? 0, labels, metricName: `${name}_count` },
      ];
    }),
  );
  return { name, help, type: "histogram", values };
}

function gauge(
  name: string,
  help: string,
  valueOf: (server: ServerGauges) => number,
): MetricFamily {
  const all = Array.from(serverGauges, valueOf);
  const value = all.reduce((sum, each) => sum + each, 0);
  return { name, help, type: "gauge", values: all.length === 0 ? [] : [{ value, labels: {} }] };
}
