import cluster, { type Worker } from "node:cluster";
import type { MetricsSnapshot } from "./metrics-snapshot.ts";
import { readFromWorker, type ToWorker } from "./worker-messages.ts";

/** How long a worker may take to send its metrics, in milliseconds: Prometheus waits for 10 seconds. */
const metricsTimeoutMs = 2_000;

/** A worker could not start; the message is what it said of that. */
export class WorkerStartError extends Error {
  static {
    WorkerStartError.prototype.name = "WorkerStartError";
  }
}

/** How a worker came to its end. */
export interface WorkerEnding {
  readonly code: number | null;
  /** What ended it, such as `SIGKILL`; null where it ended by itself. */
  readonly signal: string | null;
  /** Why it could not start, as far as it has said so. */
  readonly reason: string | undefined;
  /** For how long it had served, in milliseconds; undefined where it never did. */
  readonly servedMs: number | undefined;
}

/** A worker as its primary sees it. Whatever the two tell each other passes here. */
export class WorkerProcess {
  readonly pid: number | undefined;
  /** Resolves with the port it serves on. Rejects with a {@link WorkerStartError} where it ends before it serves. */
  readonly serving: Promise<number>;
  /** Resolves once it has ended, however it ended. */
  readonly ended: Promise<WorkerEnding>;
  readonly #worker: Worker;
  #isServing = false;
  /** Its answer, where it has been asked for its metrics. */
  #metrics: PromiseWithResolvers<MetricsSnapshot | undefined> | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.pid = worker.process.pid;
    const serving = Promise.withResolvers<number>();
    const ended = Promise.withResolvers<WorkerEnding>();
    let servedAt: number | undefined;
    let reason: string | undefined;
    worker.on("message", (message: unknown) => {
      const read = readFromWorker(message);
      if (read?.type === "serving") {
        servedAt = performance.now();
        this.#isServing = true;
        serving.resolve(read.port);
      }
      if (read?.type === "failed") ({ reason } = read);
      if (read?.type === "metrics") this.#metrics?.resolve(read.snapshot);
    });
    const end = (code: number | null, signal: string | null): void => {
      const servedMs = servedAt === undefined ? undefined : performance.now() - servedAt;
      const why = reason ?? `a worker ended before it served (${signal ?? code ?? "not started"})`;
      serving.reject(new WorkerStartError(why));
      ended.resolve({ code, signal, reason, servedMs });
      this.#metrics?.resolve(undefined);
    };
    worker.once("exit", end);
    // One that could not even be started does not exit.
    worker.on("error", () => {
      if (this.pid === undefined) end(null, null);
    });
    this.serving = serving.promise;
    this.ended = ended.promise;
    // Not everybody waits for it.
    this.serving.catch(() => undefined);
  }

  /** Starts a process with the program and the arguments of this one. Throws where the system has no room for it. */
  static fork(): WorkerProcess {
    // The primary hands out connections in turns, so that one which drains gets no more. Linux alone would give most
    // of them to few processes.
    cluster.schedulingPolicy = cluster.SCHED_RR;
    return new WorkerProcess(cluster.fork());
  }

  /** Has it shut down, or end at once where it does not serve yet: there is nothing to lose then. */
  drain(): void {
    const message: ToWorker = { type: "drain" };
    if (!this.#isServing) this.#worker.process.kill("SIGTERM");
    // Not by a signal, of which a terminal may have sent the first: the second one kills. Who is gone is not told.
    else if (this.#worker.isConnected()) this.#worker.send(message, () => undefined);
  }

  /** Its metrics; undefined where it has none yet, or does not answer in time. Who asks meanwhile gets the same. */
  async metrics(): Promise<MetricsSnapshot | undefined> {
    if (!this.#isServing || !this.#worker.isConnected()) return undefined;
    if (this.#metrics !== undefined) return await this.#metrics.promise;
    const asked = Promise.withResolvers<MetricsSnapshot | undefined>();
    this.#metrics = asked;
    const message: ToWorker = { type: "metrics" };
    this.#worker.send(message, () => undefined);
    const timer = setTimeout(() => {
      asked.resolve(undefined);
    }, metricsTimeoutMs);
    try {
      return await asked.promise;
    } finally {
      clearTimeout(timer);
      this.#metrics = undefined;
    }
  }

  /** Ends it at once. */
  kill(): void {
    this.#worker.process.kill("SIGKILL");
  }
}
