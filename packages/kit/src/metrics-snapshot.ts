import { AggregatorRegistry, collectDefaultMetrics, register } from "prom-client";
import { type MetricFamily, metricFamilies } from "./metric-families.ts";

/** The metrics of a process at one moment. */
export type MetricsSnapshot = readonly object[];

/** Prometheus' text format. */
export const metricsContentType: string = register.contentType;

let isCollecting = false;

/**
 * This process's: what the kit has counted, and what prom-client's default registry has. From the first time on, that
 * collects what every process has: processor, memory, event loop, collections.
 */
export async function takeSnapshot(
  labels: Readonly<Record<string, string>> = {},
): Promise<MetricsSnapshot> {
  if (!isCollecting) {
    isCollecting = true;
    collectDefaultMetrics();
  }
  const own: readonly (MetricFamily | RegisteredFamily)[] = metricFamilies();
  const registered: readonly RegisteredFamily[] = await register.getMetricsAsJSON();
  return [...own, ...registered].map((family) => ({
    ...family,
    // Of processes that are told apart by a label, nothing is put together.
    aggregator: "sum",
    values: family.values.map((each) => ({ ...each, labels: { ...each.labels, ...labels } })),
  }));
}

type RegisteredFamily = Awaited<ReturnType<typeof register.getMetricsAsJSON>>[number];

/** Writes the metrics of all of them as Prometheus reads them. */
export function writeMetrics(snapshots: readonly MetricsSnapshot[]): Promise<string> {
  return AggregatorRegistry.aggregate([...snapshots]).metrics();
}
