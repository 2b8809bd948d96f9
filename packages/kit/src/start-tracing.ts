import {
  context,
  diag,
  type DiagLogger,
  DiagLogLevel,
  propagation,
  trace,
} from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ConsoleSpanExporter,
  SimpleSpanProcessor,
  type SpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { readCallScopes } from "./call-scope.ts";
import { callTracer, traceCallsBy } from "./call-tracer.ts";
import { createLogger, type Logger } from "./logger.ts";
import { OtelTracer } from "./otel-tracer.ts";
import { sparingly } from "./sparingly.ts";
import { type SamplingRules, TraceSampling } from "./trace-sampling.ts";
import { traceExporterOf, type TracingConfig } from "./tracing-config.ts";

/** Who is traced. */
export interface TracingOptions {
  /** The service's name in its traces, where `OTEL_SERVICE_NAME` says none. */
  readonly name: string;
  /** Told where traces cannot be sent; by default, that goes to the standard output. */
  readonly logger?: Logger;
}

/** What traces the calls of a process. */
export interface Tracing {
  /** Records nothing more. Resolves once what was recorded is sent, or cannot be. */
  close(): Promise<void>;
}

/**
 * Has all calls that this process answers and makes be traced from now on, by OpenTelemetry's SDK. Where the configuration
 * asks for no traces, nothing happens. What a service records by `@opentelemetry/api` besides belongs to the same traces.
 *
 * Throws an error where the process is traced already.
 */
export function startTracing(
  config: TracingConfig,
  { name, logger = createLogger({ name: "tracing" }) }: TracingOptions,
): Tracing {
  const exporter = traceExporterOf(config);
  if (exporter === "none") return { close: () => Promise.resolve() };
  if (callTracer() !== undefined) throw new Error("the calls of this process are traced already");
  const sampling = new TraceSampling(samplingRulesOf(config));
  const provider = new TracerProvider({
    resource: resourceOf(name),
    sampler: sampling,
    idGenerator: sampling,
    spanProcessors: [processorOf(exporter, config)],
  });
  diag.setLogger(diagnosticsTo(logger), {
    logLevel: DiagLogLevel.WARN,
    suppressOverrideMessage: true,
  });
  const tracer = new OtelTracer(provider.getTracer("@org/kit"), sampling);
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(tracer.contexts.enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  readCallScopes();
  traceCallsBy(tracer);
  return {
    async close() {
      if (callTracer() !== tracer) return;
      traceCallsBy(undefined);
      trace.disable();
      context.disable();
      propagation.disable();
      await provider.shutdown().catch((err: unknown) => {
        logger.warn({ err }, "the last traces were not sent");
      });
    },
  };
}

/** Those of the specification: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration */
function samplingRulesOf(config: TracingConfig): SamplingRules {
  const {
    OTEL_TRACES_SAMPLER: name = "parentbased_always_on",
    OTEL_TRACES_SAMPLER_ARG: share = 1,
  } = config;
  return {
    followsParents: name.startsWith("parentbased_"),
    share: name.endsWith("always_on") ? 1 : name.endsWith("always_off") ? 0 : share,
  };
}

/** What the variables of OpenTelemetry say goes before what is known without them. */
function resourceOf(name: string): Resource {
  return defaultResource()
    .merge(resourceFromAttributes({ "service.name": name, "process.pid": process.pid }))
    .merge(detectResources({ detectors: [envDetector] }));
}

function processorOf(exporter: "otlp" | "console", config: TracingConfig): SpanProcessor {
  if (exporter === "console") {
    return new SimpleSpanProcessor({ exporter: new ConsoleSpanExporter() });
  }
  const {
    OTEL_EXPORTER_OTLP_ENDPOINT: base,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own,
    OTEL_BSP_SCHEDULE_DELAY: scheduledDelayMillis = 5_000,
    OTEL_BSP_EXPORT_TIMEOUT: exportTimeoutMillis = 30_000,
    OTEL_BSP_MAX_QUEUE_SIZE: maxQueueSize = 2_048,
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: maxExportBatchSize = Math.min(512, maxQueueSize),
  } = config;
  const url = own ?? (base && `${base.replace(/\/$/, "")}/v1/traces`);
  // What else there is to be said of it, such as headers, it reads from OpenTelemetry's variables itself.
  return new BatchSpanProcessor({
    exporter: new OTLPTraceExporter(url === undefined ? {} : { url }),
    scheduledDelayMillis,
    exportTimeoutMillis,
    maxQueueSize,
    maxExportBatchSize,
  });
}

/** What OpenTelemetry says of itself, such as that nobody takes the traces. */
function diagnosticsTo(logger: Logger): DiagLogger {
  const warn = sparingly((fields) => {
    logger.warn(fields, "OpenTelemetry");
  });
  const say = (text: string, ...args: readonly unknown[]): void => {
    warn({ text, details: args });
  };
  const ignore = (): void => undefined;
  return { error: say, warn: say, info: ignore, debug: ignore, verbose: ignore };
}
