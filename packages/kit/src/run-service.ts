import cluster, { type Worker } from "node:cluster";
import { isatty } from "node:tty";
import { closeOnSignal } from "./close-on-signal.ts";
import { createLogger, type Logger } from "./logger.ts";
import { runMain, type RunMainOptions, writeError } from "./run-main.ts";
import { defaultGraceMs, type RunningServer } from "./serve.ts";
import { serveAsWorker, tellPrimary } from "./serve-as-worker.ts";
import { type MetricsServer, serveMetrics, serveSnapshots } from "./serve-metrics.ts";
import type { ServerConfig } from "./server-config.ts";
import type { Tracing, TracingOptions } from "./start-tracing.ts";
import { traceExporterOf, type TracingConfig } from "./tracing-config.ts";
import { Workers } from "./workers.ts";

/** How much longer than the grace of its server a worker may take to shut down, in milliseconds. */
const beyondGraceMs = 5_000;

/** How long it may take to send the last traces, in milliseconds: less than a worker has beyond its grace. */
const maxFlushMs = 3_000;

/** What a service is run by. */
export interface RunServiceOptions<C extends ServerConfig>
  extends Pick<RunMainOptions, "operatorErrors"> {
  /** The service's name, in the log. */
  readonly name: string;
  /** Reads the configuration. What it throws is shown to the operator. */
  readonly readConfig: () => C;
  /** Starts the service's server. */
  readonly start: (config: C) => Promise<RunningServer>;
  /**
   * Loads what traces calls where OpenTelemetry's variables ask for that: `() => import("@org/kit/tracing")`. By
   * default, no calls are traced.
   */
  readonly loadTracing?: () => Promise<TracingModule>;
  /**
   * How long a worker may take to shut down before it is killed, in milliseconds: more than the grace of its server.
   * 15 seconds by default, which is enough for the grace that `serve` has by default.
   */
  readonly stopTimeoutMs?: number;
}

/** What `@org/kit/tracing` has. */
export interface TracingModule {
  readonly startTracing: (config: TracingConfig, options: TracingOptions) => Tracing;
}

/**
 * Runs a service's program: in this process, or with `WORKERS` in that many, which answer the calls of one port. Where
 * it cannot start, the reason goes to the standard error, once, and the process ends with 1.
 *
 * With workers, this is run in each of the processes; the first one only looks after the others. SIGTERM and SIGINT shut
 * all of them down, SIGHUP restarts them one by one.
 */
export async function runService<C extends ServerConfig>(
  options: RunServiceOptions<C>,
): Promise<void> {
  const { name, readConfig, operatorErrors = [] } = options;
  const { stopTimeoutMs = defaultGraceMs + beyondGraceMs } = options;
  let worker: Worker | undefined;
  await runMain(
    async () => {
      const config = readConfig();
      const { WORKERS: count, LOG_LEVEL: level, METRICS_PORT: metricsPort } = config;
      const logger = createLogger({ name, level });
      const start = (): Promise<RunningServer> => startTraced(options, config, logger);
      const metrics =
        metricsPort === undefined
          ? undefined
          : { host: config.GRPC_HOST, port: metricsPort, logger };
      if (count === 1) {
        await withMetrics(metrics && (() => serveMetrics(metrics)), start);
        return;
      }
      ({ worker } = cluster);
      if (worker === undefined) {
        const workers = new Workers({ count, stopTimeoutMs, logger });
        const show = metrics && (() => serveSnapshots(() => workers.metrics(), metrics));
        await withMetrics(show, () => runWorkers(workers, logger));
        return;
      }
      // The primary sees to it: who sends the signal to all processes of a service means no more than that.
      onRestartSignal(() => undefined);
      await serveAsWorker(worker, start, logger);
    },
    {
      operatorErrors,
      report: (text) => {
        if (worker === undefined) writeError(text);
        // The primary writes it: it would be there once for each worker.
        else void tellPrimary(worker, { type: "failed", reason: text }).then(() => process.exit());
      },
    },
  );
}

/** Shows metrics, if any are to be shown, for as long as something runs. */
async function withMetrics(
  show: (() => Promise<MetricsServer>) | undefined,
  start: () => Promise<Pick<RunningServer, "closed">>,
): Promise<void> {
  const metrics = await show?.();
  await closingAfter(start, () => metrics?.close());
}

/** Starts the service's server, with its calls traced if they are to be. */
async function startTraced<C extends ServerConfig>(
  { name, start, loadTracing }: RunServiceOptions<C>,
  config: C,
  logger: Logger,
): Promise<RunningServer> {
  const exporter = traceExporterOf(config);
  if (exporter === "none") return start(config);
  if (loadTracing === undefined) {
    logger.warn({ exporter }, "no calls are traced: the service does not load `@org/kit/tracing`");
    return start(config);
  }
  const { startTracing } = await loadTracing();
  const tracing = startTracing(config, { name, logger });
  return closingAfter(
    () => start(config),
    () => void closeInTime(tracing, logger),
  );
}

/** Sends the last traces. Whoever takes them, and does not answer, does not keep the process from ending. */
async function closeInTime(tracing: Tracing, logger: Logger): Promise<void> {
  const timer = setTimeout(() => {
    logger.warn("the last traces were not sent in time");
    process.exit();
  }, maxFlushMs);
  await tracing.close();
  clearTimeout(timer);
}

/** Starts something, and closes what is there for it once it is closed, or cannot be started. */
async function closingAfter<T extends Pick<RunningServer, "closed">>(
  start: () => Promise<T>,
  close: () => void,
): Promise<T> {
  try {
    const running = await start();
    running.closed.then(close, close);
    return running;
  } catch (error) {
    close();
    throw error;
  }
}

async function runWorkers(workers: Workers, logger: Logger): Promise<Workers> {
  closeOnSignal({
    close: () => workers.close(),
    closed: workers.closed,
    logger,
    onSecondSignal: () => {
      workers.kill();
    },
  });
  onRestartSignal(() => {
    workers.restart();
  });
  await workers.start();
  return workers;
}

/**
 * Listens to SIGHUP, which asks for a restart of the workers. Where the standard input is a terminal, SIGHUP says that
 * the terminal is gone, and goes on to end the process.
 */
function onRestartSignal(listener: () => void): void {
  if (!isatty(0)) process.on("SIGHUP", listener);
}
