/**
 * The upper bounds of the buckets, in seconds.
 * Source: https://github.com/grpc/proposal/blob/master/A66-otel-stats.md#units
 */
export const latencyBounds: readonly number[] = [
  ...[0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005],
  ...[0.006, 0.008, 0.01, 0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13],
  ...[0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1, 2, 5, 10, 20, 50, 100],
];

const boundsMs = Float64Array.from(latencyBounds, (seconds) => seconds * 1_000);

/** How long things took, counted in buckets: what a call is recorded in must cost next to nothing. */
export class LatencyHistogram {
  /** By bucket; the last one has what took longer than any bound. */
  readonly #counts = new Float64Array(boundsMs.length + 1);
  #sumMs = 0;

  /** Adds something that took so many milliseconds. */
  record(ms: number): void {
    let from = 0;
    let to = boundsMs.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (ms <= (boundsMs[middle] ?? Infinity)) to = middle;
      else from = middle + 1;
    }
    this.#counts[from] = (this.#counts[from] ?? 0) + 1;
    this.#sumMs += ms;
  }

  /** How long all took together, in seconds. */
  get sum(): number {
    return this.#sumMs / 1_000;
  }

  /** How many took no longer than each of {@link latencyBounds}, and at last how many there are. */
  get cumulative(): readonly number[] {
    let sum = 0;
    return Array.from(this.#counts, (count) => (sum += count));
  }
}
