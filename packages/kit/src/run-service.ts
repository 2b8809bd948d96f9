import cluster, { type Worker } from "node:cluster";
import { isatty } from "node:tty";
import { closeOnSignal } from "./close-on-signal.ts";
import { createLogger, type Logger } from "./logger.ts";
import { runMain, type RunMainOptions, writeError } from "./run-main.ts";
import { defaultGraceMs, type RunningServer } from "./serve.ts";
import { serveAsWorker, tellPrimary } from "./serve-as-worker.ts";
import { type MetricsServer, serveMetrics, serveSnapshots } from "./serve-metrics.ts";
import type { ServerConfig } from "./server-config.ts";
import { Workers } from "./workers.ts";

/** How much longer than the grace of its server a worker may take to shut down, in milliseconds. */
const beyondGraceMs = 5_000;

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
   * How long a worker may take to shut down before it is killed, in milliseconds: more than the grace of its server.
   * 15 seconds by default, which is enough for the grace that `serve` has by default.
   */
  readonly stopTimeoutMs?: number;
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
  const { name, readConfig, start, operatorErrors = [] } = options;
  const { stopTimeoutMs = defaultGraceMs + beyondGraceMs } = options;
  let worker: Worker | undefined;
  await runMain(
    async () => {
      const config = readConfig();
      const { WORKERS: count, LOG_LEVEL: level, METRICS_PORT: metricsPort } = config;
      const logger = createLogger({ name, level });
      const metrics =
        metricsPort === undefined
          ? undefined
          : { host: config.GRPC_HOST, port: metricsPort, logger };
      if (count === 1) {
        const show = metrics && (() => serveMetrics(metrics));
        await withMetrics(show, () => start(config));
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
      await serveAsWorker(worker, () => start(config), logger);
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
  const close = (): void => metrics?.close();
  try {
    const { closed } = await start();
    closed.then(close, close);
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
