import type { Logger } from "./logger.ts";

/** What is shut down, and how. */
export interface CloseOnSignalOptions {
  /** Begins to shut it down. */
  readonly close: () => Promise<void>;
  /** Settles once it is shut down: signals have their usual effect again. */
  readonly closed: Promise<void>;
  readonly logger: Logger;
  /** Called at the second signal, right before it ends the process. */
  readonly onSecondSignal?: () => void;
}

const endings = ["SIGTERM", "SIGINT"] as const;

/** Shuts a server down at SIGTERM and SIGINT. A second signal ends the process. */
export function closeOnSignal(options: CloseOnSignalOptions): void {
  const { close, closed, logger, onSecondSignal } = options;
  const onSecond = (signal: NodeJS.Signals): void => {
    forget();
    onSecondSignal?.();
    process.kill(process.pid, signal);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    // From now on a second signal has its usual effect, which is to end the process.
    forget();
    if (onSecondSignal !== undefined) for (const each of endings) process.on(each, onSecond);
    logger.info({ signal }, "shutting down");
    close().catch((error: unknown) => {
      logger.fatal({ err: error }, "shutdown failed");
      process.exitCode = 1;
    });
  };
  const forget = (): void => {
    for (const each of endings) process.off(each, onSignal).off(each, onSecond);
  };
  for (const each of endings) process.on(each, onSignal);
  closed.then(forget, forget);
}
