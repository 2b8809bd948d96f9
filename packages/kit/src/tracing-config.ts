import { z } from "zod";

/** What OpenTelemetry's own variables say of traces. */
export interface TracingConfig {
  /** Whether nothing is traced, whatever the others say. */
  readonly OTEL_SDK_DISABLED?: boolean | undefined;
  /** Where traces go; undefined: by OTLP where an endpoint is named, and else nowhere. */
  readonly OTEL_TRACES_EXPORTER?: (typeof exporters)[number] | undefined;
  /** Which traces are recorded. */
  readonly OTEL_TRACES_SAMPLER?: (typeof samplers)[number] | undefined;
  /** Of those that begin here, how many: from 0 to 1. */
  readonly OTEL_TRACES_SAMPLER_ARG?: number | undefined;
  /** Where telemetry goes: the base of the address. */
  readonly OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined;
  /** Where traces go. */
  readonly OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?: string | undefined;
  /** How they are sent. */
  readonly OTEL_EXPORTER_OTLP_PROTOCOL?: "http/protobuf" | undefined;
  readonly OTEL_EXPORTER_OTLP_TRACES_PROTOCOL?: "http/protobuf" | undefined;
  /** How often what was recorded is sent, in milliseconds; 5,000 by default. */
  readonly OTEL_BSP_SCHEDULE_DELAY?: number | undefined;
  /** How long that may take, in milliseconds; 30,000 by default. */
  readonly OTEL_BSP_EXPORT_TIMEOUT?: number | undefined;
  /** How many spans may wait for it, what comes on top is lost; 2,048 by default. */
  readonly OTEL_BSP_MAX_QUEUE_SIZE?: number | undefined;
  /** How many of them are sent together; 512 by default, and no more than may wait. */
  readonly OTEL_BSP_MAX_EXPORT_BATCH_SIZE?: number | undefined;
}

const exporters = ["otlp", "console", "none"] as const;

const samplers = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

const share = { error: "must be a number from 0 to 1" };
const endpoint = z
  .url({ protocol: /^https?$/, error: "must be a URL such as http://localhost:4318" })
  .optional();
const whole = { error: "must be a whole number, from 1 to 1,000,000,000" };
const count = z.coerce.number(whole).int(whole).min(1, whole).max(1_000_000_000, whole).optional();
const protocol = z.literal("http/protobuf", { error: "must be http/protobuf" }).optional();

/** The variables that {@link TracingConfig} is read from. */
export const tracingEnvironment: {
  readonly [K in keyof TracingConfig]-?: z.ZodType<TracingConfig[K]>;
} = {
  OTEL_SDK_DISABLED: z.stringbool({ error: "must be true or false" }).optional(),
  OTEL_TRACES_EXPORTER: z
    .enum(exporters, { error: `must be one of ${exporters.join(", ")}` })
    .optional(),
  OTEL_TRACES_SAMPLER: z
    .enum(samplers, { error: `must be one of ${samplers.join(", ")}` })
    .optional(),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number(share).min(0, share).max(1, share).optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint,
  OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol,
  OTEL_BSP_SCHEDULE_DELAY: count,
  OTEL_BSP_EXPORT_TIMEOUT: count,
  OTEL_BSP_MAX_QUEUE_SIZE: count,
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: count,
};

/** Where traces go, by the configuration. */
export function traceExporterOf(config: TracingConfig): (typeof exporters)[number] {
  if (config.OTEL_SDK_DISABLED === true) return "none";
  const hasEndpoint =
    config.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined ||
    config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== undefined;
  return config.OTEL_TRACES_EXPORTER ?? (hasEndpoint ? "otlp" : "none");
}
