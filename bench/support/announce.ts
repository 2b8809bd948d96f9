import { foundCount } from "./work.ts";

/** How a process under measurement is, as it says itself. */
export interface ProcessState {
  /** The processor time that it has used, in microseconds. */
  readonly cpuMicroseconds: number;
  /** Its memory, in bytes. */
  readonly residentBytes: number;
  /** How many calls have found their product. */
  readonly found: number;
}

/** Tells the parent where the server listens, and how it is whenever it asks. It ends with its parent. */
export function announce(port: number): void {
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    const state: ProcessState = {
      cpuMicroseconds: user + system,
      residentBytes: process.memoryUsage.rss(),
      found: foundCount(),
    };
    process.send?.(state);
  });
  process.on("disconnect", () => {
    process.exit();
  });
  process.send?.({ port });
}
