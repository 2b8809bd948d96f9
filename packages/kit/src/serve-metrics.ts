import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { ListenError } from "./listen-error.ts";
import { createLogger, type Logger } from "./logger.ts";
import type { MetricsSnapshot } from "./metrics-snapshot.ts";

/** How many connections there may be: who reads metrics are few. */
const maxConnections = 32;

/** Where metrics are shown. */
export interface ServeMetricsOptions {
  /** The address to listen on; `127.0.0.1`, which other machines do not reach, by default. */
  readonly host?: string;
  /** The port to listen on; 0, which takes a free one, by default. */
  readonly port?: number;
  /** Where to log; a logger of its own on the standard output by default. */
  readonly logger?: Logger;
}

/** What shows metrics. */
export interface MetricsServer {
  /** The port it listens on. */
  readonly port: number;
  /** Stops listening, and closes all connections. */
  close(): void;
}

/**
 * Shows the metrics of this process at `/metrics`, over HTTP, in the text format of Prometheus: those of its servers and
 * clients, of the process itself, and what else is in prom-client's default registry. `runService` does it by itself
 * where `METRICS_PORT` is set.
 *
 * Throws a `ListenError` where the address cannot be bound.
 */
export async function serveMetrics(options: ServeMetricsOptions = {}): Promise<MetricsServer> {
  // Imported by those only who want it.
  const { collectProcessMetrics, takeSnapshot } = await import("./metrics-snapshot.ts");
  collectProcessMetrics();
  return await serveSnapshots(async () => [await takeSnapshot()], options);
}

/** Shows the metrics of several processes, of whom each has a snapshot. */
export async function serveSnapshots(
  take: () => Promise<readonly MetricsSnapshot[]>,
  options: ServeMetricsOptions,
): Promise<MetricsServer> {
  const { host = "127.0.0.1", port = 0, logger = createLogger({ name: "metrics" }) } = options;
  const { metricsContentType, writeMetrics } = await import("./metrics-snapshot.ts");
  const show = async (response: ServerResponse): Promise<void> => {
    try {
      const text = await writeMetrics(await take());
      response.writeHead(200, { "content-type": metricsContentType }).end(text);
    } catch (err) {
      logger.error({ err }, "the metrics cannot be taken");
      response.writeHead(500).end("the metrics cannot be taken: the log says why\n");
    }
  };
  const server = createServer((request, response) => {
    const [path] = (request.url ?? "").split("?");
    if (path !== "/metrics") response.writeHead(404).end("there is /metrics only\n");
    else if (request.method !== "GET") response.writeHead(405, { allow: "GET" }).end();
    else void show(response);
  });
  server.maxConnections = maxConnections;
  server.listen(port, host);
  await once(server, "listening").catch((cause: unknown) => {
    throw ListenError.of(host, port, cause);
  });
  server.on("error", (err) => {
    logger.error({ err }, "cannot accept a connection");
  });
  const bound = portOf(server.address());
  logger.info({ host, port: bound }, "showing metrics");
  return {
    port: bound,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === "object" && address !== null ? address.port : 0;
}
