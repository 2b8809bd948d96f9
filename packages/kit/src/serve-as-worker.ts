import type { Worker } from "node:cluster";
import type { Logger } from "./logger.ts";
import type { RunningServer } from "./serve.ts";
import { type FromWorker, readToWorker } from "./worker-messages.ts";

/**
 * Runs a server for the primary that has started this process. It shuts down when it is told to, by the primary or by
 * a signal, and when its primary is gone.
 */
export async function serveAsWorker(
  worker: Worker,
  start: () => Promise<RunningServer>,
  logger: Logger,
): Promise<void> {
  const server = await start();
  // Node.js ends a worker at the moment that its primary is gone; from now on, there are calls to finish.
  worker.exitedAfterDisconnect = true;
  const drain = (): void => {
    // What fails there is logged below.
    server.close().catch(() => undefined);
  };
  const onOrphaned = (): void => {
    logger.error("the primary is gone: shutting down");
    drain();
  };
  const sendMetrics = async (): Promise<void> => {
    const { takeSnapshot } = await import("./metrics-snapshot.ts");
    const snapshot = await takeSnapshot({ worker: String(process.pid) });
    await tellPrimary(worker, { type: "metrics", snapshot });
  };
  worker.on("message", (message: unknown) => {
    const type = readToWorker(message)?.type;
    if (type === "drain") drain();
    if (type === "metrics") {
      sendMetrics().catch((err: unknown) => {
        logger.error({ err }, "the metrics cannot be taken");
      });
    }
  });
  worker.once("disconnect", onOrphaned);
  const leave = (): void => {
    worker.off("disconnect", onOrphaned);
    // As long as it is connected, this process does not end.
    if (worker.isConnected()) process.disconnect();
  };
  server.closed.then(leave, (err: unknown) => {
    logger.fatal({ err }, "shutdown failed");
    process.exitCode = 1;
    leave();
  });
  await tellPrimary(worker, { type: "serving", port: server.port });
}

/** Tells the primary something. Resolves once that is sent, or cannot be. */
export function tellPrimary(worker: Worker, message: FromWorker): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  worker.send(message, () => {
    resolve();
  });
  return promise;
}
