/** How a connection is used by calls. */
export class ConnectionUse {
  /** How many there are on it. */
  open = 0;
  /** When the last one was over, or the connection was made, by `performance.now()`. */
  lastUsedAt: number = performance.now();
  readonly #onUnused: () => void;

  /** `onUnused` is called when there is no call any more. */
  constructor(onUnused: () => void) {
    this.#onUnused = onUnused;
  }

  /** A call is over. */
  callOver(): void {
    this.open -= 1;
    if (this.open > 0) return;
    this.lastUsedAt = performance.now();
    this.#onUnused();
  }
}
