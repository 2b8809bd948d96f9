import type { Logger } from "./logger.ts";

/** Shuts a server down at SIGTERM and SIGINT. A second signal ends the process. */
export function closeOnSignal(
  close: () => Promise<void>,
  closed: Promise<void>,
  logger: Logger,
): void {
  const onSignal = (signal: NodeJS.Signals): void => {
    // From now on a second signal has its usual effect, which is to end the process.
    for (const each of ["SIGTERM", "SIGINT"] as const) process.off(each, onSignal);
    logger.info({ signal }, "shutting down");
    close().catch((error: unknown) => {
      logger.fatal({ err: error }, "shutdown failed");
      process.exitCode = 1;
    });
  };
  for (const each of ["SIGTERM", "SIGINT"] as const) process.on(each, onSignal);
  const forget = (): void => {
    for (const each of ["SIGTERM", "SIGINT"] as const) process.off(each, onSignal);
  };
  closed.then(forget, forget);
}
