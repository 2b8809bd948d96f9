import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { ListenError } from "./listen-error.ts";
import { createLogger, type Logger } from "./logger.ts";
import type { MetricsSnapshot } from "./metrics-snapshot.ts";

/** How many connections there may be: who reads metrics are few. Of more, the oldest make way. */
const maxConnections = 32;

/** For how long a page is shown again before a new one is made, in milliseconds: to make one takes about one. */
const freshMs = 250;

/** How long a request may take to come, and an answer to be read, in milliseconds. */
const requestTimeoutMs = 5_000;
const socketTimeoutMs = 10_000;

/** Where metrics are shown. */
export interface ServeMetricsOptions {
  /** The address to listen on; `127.0.0.1`, which other machines do not reach, by default. */
  readonly host?: string;
  /** The port to listen on; 0, which takes a free one, by default. */
  readonly port?: number;
  /** For how long a page is shown again before a new one is made, in milliseconds; 250 by default. */
  readonly maxAgeMs?: number;
  /** Where to log; a logger of its own on the standard output by default. */
  readonly logger?: Logger;
}

interface MetricsPage {
  /** Its content type. */
  readonly type: string;
  readonly text: string;
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
  return await serveSnapshots(async () => {
    const { takeSnapshot } = await import("./metrics-snapshot.ts");
    return [await takeSnapshot()];
  }, options);
}

/** Shows the metrics of several processes, of whom each has a snapshot. */
export async function serveSnapshots(
  take: () => Promise<readonly MetricsSnapshot[]>,
  options: ServeMetricsOptions,
): Promise<MetricsServer> {
  const { host = "127.0.0.1", port = 0, maxAgeMs = freshMs } = options;
  const { logger = createLogger({ name: "metrics" }) } = options;
  const makePage = async (): Promise<MetricsPage> => {
    // Not imported before somebody reads them: no start has to wait for that.
    const { metricsContentType: type, writeMetrics } = await import("./metrics-snapshot.ts");
    return { type, text: await writeMetrics(await take()) };
  };
  let page: Promise<MetricsPage> | undefined;
  /** Who asks while a page is made, or a moment later, gets the same. */
  const lastPage = (): Promise<MetricsPage> => {
    page ??= makePage().finally(() => {
      if (maxAgeMs === 0) page = undefined;
      else setTimeout(() => (page = undefined), maxAgeMs).unref();
    });
    return page;
  };
  const show = async (response: ServerResponse): Promise<void> => {
    try {
      const { type, text } = await lastPage();
      response.writeHead(200, { "content-type": type }).end(text);
    } catch (err) {
      logger.error({ err }, "the metrics cannot be taken");
      response.writeHead(500).end("the metrics cannot be taken: the log says why\n");
    }
  };
  const server = createServer(
    {
      headersTimeout: requestTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      if (pathOf(request.url) !== "/metrics") {
        response.writeHead(404).end("there is /metrics only\n");
      } else if (request.method !== "GET" && request.method !== "HEAD") {
        response.writeHead(405, { allow: "GET, HEAD" }).end();
      } else {
        void show(response);
      }
    },
  );
  // Otherwise thousands could be asked for at once.
  server.maxRequestsPerSocket = 1;
  server.setTimeout(socketTimeoutMs, (socket) => {
    socket.destroy();
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    const [oldest] = sockets;
    if (sockets.size > maxConnections) oldest?.destroy();
  });
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

/** Of a request whose target may be a whole URL; undefined where it is neither. */
function pathOf(target = ""): string | undefined {
  return URL.parse(target, "http://localhost")?.pathname;
}
