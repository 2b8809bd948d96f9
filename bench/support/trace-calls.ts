import type { Logger } from "@org/kit";

/** Of all traces, how many are recorded. */
const share = 0.01;

/** Has the calls of this process traced where its environment says where traces go. */
export async function traceCalls(logger: Logger): Promise<void> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = process.env;
  if (endpoint === undefined) return;
  const { startTracing } = await import("@org/kit/tracing");
  startTracing(
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: share,
    },
    { name: "bench", logger },
  );
}
