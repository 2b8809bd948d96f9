import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "./logger.ts";
import { messageOf } from "./message-of.ts";
import type { MetricsSnapshot } from "./metrics-snapshot.ts";
import { type WorkerEnding, WorkerProcess } from "./worker-process.ts";

/** How long a worker has to have served for its end to be none of the start, in milliseconds. */
const steadyMs = 10_000;

/** How long the replacement of a worker that ends soon waits: this, twice as long each time, up to that, in milliseconds. */
const minBackoffMs = 100;
const maxBackoffMs = 10_000;

/** How workers are kept. */
export interface WorkersOptions {
  /** How many there are. */
  readonly count: number;
  /** How long one may take to shut down before it is killed, in milliseconds. */
  readonly stopTimeoutMs: number;
  readonly logger: Logger;
}

/** The place of one worker. Its worker changes, the number of places does not. */
interface Seat {
  worker: WorkerProcess;
}

/**
 * The worker processes of this one, which answer the calls of one port: one that ends is replaced, all are restarted in
 * turn, and all are shut down together. While none is there, nobody listens on the port: clients are refused at once,
 * and go to another replica.
 */
export class Workers {
  /** Resolves once all are shut down. Rejects then where one of them did not do so well. */
  readonly closed: Promise<void>;
  readonly #options: WorkersOptions;
  readonly #alive = new Set<WorkerProcess>();
  readonly #seats: Seat[] = [];
  readonly #closing = new AbortController();
  readonly #closed = Promise.withResolvers<void>();
  /** Whether workers are being started or restarted. */
  #isBusy = true;
  #isRestartDue = false;

  constructor(options: WorkersOptions) {
    this.#options = options;
    this.closed = this.#closed.promise;
  }

  /**
   * Starts all of them, and resolves once they serve. Where one cannot start, none stays, and it throws the
   * `WorkerStartError` of the first. Where they are shut down meanwhile, it resolves as soon as they are.
   */
  async start(): Promise<void> {
    const { count, logger } = this.#options;
    logger.debug({ workers: count }, "starting");
    try {
      while (this.#seats.length < count) this.#seats.push({ worker: this.#fork() });
      const [port] = await Promise.all(this.#seats.map(({ worker }) => worker.serving));
      logger.info({ port, workers: count }, "serving");
    } catch (error) {
      const isAskedFor = this.#isClosing;
      await this.close().catch(() => undefined);
      if (isAskedFor) return;
      throw error;
    }
    for (const seat of this.#seats) void this.#keep(seat);
    void this.#restartWhileDue();
  }

  /**
   * Replaces each worker in turn: a new one serves before the old one shuts down, so that no call is lost. Where a new
   * one cannot start, the old ones stay. Asked for again meanwhile, it begins anew afterwards.
   */
  restart(): void {
    this.#isRestartDue = true;
    if (!this.#isBusy) void this.#restartWhileDue();
  }

  /** The metrics of all that answer in time. */
  async metrics(): Promise<readonly MetricsSnapshot[]> {
    const all = await Promise.all(Array.from(this.#alive, (worker) => worker.metrics()));
    return all.filter((each) => each !== undefined);
  }

  /** Shuts down all workers at once. Resolves with `closed`. */
  close(): Promise<void> {
    if (!this.#isClosing) {
      this.#closing.abort();
      Promise.all(Array.from(this.#alive, (worker) => this.#stop(worker))).then((endings) => {
        const failed = endings.find(({ code, servedMs }) => servedMs !== undefined && code !== 0);
        if (failed === undefined) this.#closed.resolve();
        else this.#closed.reject(new Error(`a worker ended with ${nameOf(failed)}`));
      }, this.#closed.reject);
    }
    return this.closed;
  }

  /** Ends all of them at once. */
  kill(): void {
    for (const worker of this.#alive) worker.kill();
  }

  get #isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  #fork(): WorkerProcess {
    const worker = WorkerProcess.fork();
    this.#alive.add(worker);
    void worker.ended.then(() => this.#alive.delete(worker));
    return worker;
  }

  /** Replaces whatever worker of a seat ends without having been asked to. */
  async #keep(seat: Seat): Promise<void> {
    const { logger } = this.#options;
    const { signal } = this.#closing;
    for (let failures = 0; !this.#isClosing; ) {
      const { worker } = seat;
      const ending = await worker.ended;
      const isLeft = (): boolean => seat.worker === worker && !this.#isClosing;
      if (!isLeft()) continue;
      failures = (ending.servedMs ?? 0) < steadyMs ? failures + 1 : 0;
      const retryInMs = backoffMs(failures);
      logger.error({ worker: worker.pid, ...ending, retryInMs }, "a worker has ended");
      await delay(retryInMs, undefined, { signal }).catch(() => undefined);
      if (!isLeft()) continue;
      try {
        seat.worker = this.#fork();
      } catch (err) {
        logger.error({ err }, "a worker cannot be started");
      }
    }
  }

  async #restartWhileDue(): Promise<void> {
    this.#isBusy = true;
    while (this.#isRestartDue && !this.#isClosing) {
      this.#isRestartDue = false;
      await this.#restartAll();
    }
    this.#isBusy = false;
  }

  async #restartAll(): Promise<void> {
    const { logger } = this.#options;
    logger.info("restarting the workers");
    for (const seat of this.#seats) {
      let next: WorkerProcess;
      try {
        next = this.#fork();
        await next.serving;
      } catch (err) {
        if (this.#isClosing) return;
        logger.error({ reason: messageOf(err) }, "a new worker cannot start: the old ones stay");
        return;
      }
      const { worker } = seat;
      seat.worker = next;
      await this.#stop(worker);
      if (this.#isClosing) return;
    }
    logger.info("restarted the workers");
  }

  /** Has a worker shut down. One that takes too long is killed. */
  async #stop(worker: WorkerProcess): Promise<WorkerEnding> {
    const { stopTimeoutMs, logger } = this.#options;
    worker.drain();
    const timer = setTimeout(() => {
      logger.error(
        { worker: worker.pid, stopTimeoutMs },
        "a worker does not shut down: it is killed",
      );
      worker.kill();
    }, stopTimeoutMs);
    try {
      return await worker.ended;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** By how many ends in a row have come too soon, up to half of it by chance: workers are not all started at once. */
function backoffMs(failures: number): number {
  if (failures === 0) return 0;
  const longest = Math.min(maxBackoffMs, minBackoffMs * 2 ** (failures - 1));
  return Math.round(longest * (1 - Math.random() / 2));
}

function nameOf({ code, signal }: WorkerEnding): string {
  return signal ?? `code ${code ?? "?"}`;
}
