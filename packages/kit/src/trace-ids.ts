import { randomFillSync } from "node:crypto";

const traceIdBytes = 16;
const spanIdBytes = 8;
const poolBytes = 4096;

/**
 * A trace is recorded by the last 56 bits of its ID, of which these are the first 48: whoever goes by the same share
 * decides the same.
 * Source: https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
 */
const randomAt = 9;
const randomBytes = 6;
const randomBits = 2 ** (8 * randomBytes);

/** IDs of traces and of what they consist of, and which of the traces are recorded. */
export class TraceIds {
  readonly #threshold: number;
  readonly #pool = Buffer.alloc(poolBytes);
  #used = poolBytes;

  /** @param share - Of all traces, how many are recorded: from 0 to 1. */
  constructor(share: number) {
    this.#threshold = Math.round((1 - share) * randomBits);
  }

  /** Draws a trace; its ID where it is recorded, undefined where it is not. */
  recorded(): string | undefined {
    const at = this.#draw(traceIdBytes);
    return this.#isRecorded(this.#pool, at) ? this.#hexOf(at, traceIdBytes) : undefined;
  }

  /** The IDs of a trace that is not recorded, and of a part of it, one behind the other. */
  unrecorded(): string {
    const at = this.#draw(traceIdBytes + spanIdBytes);
    if (this.#isRecorded(this.#pool, at)) {
      const below = Math.floor(Math.random() * this.#threshold);
      this.#pool.writeUIntBE(below, at + randomAt, randomBytes);
    }
    return this.#hexOf(at, traceIdBytes + spanIdBytes);
  }

  /** The ID of a trace, recorded or not. */
  traceId(): string {
    return this.#hexOf(this.#draw(traceIdBytes), traceIdBytes);
  }

  spanId(): string {
    return this.#hexOf(this.#draw(spanIdBytes), spanIdBytes);
  }

  /** Whether a trace is recorded, by its ID. */
  isRecorded(traceId: string): boolean {
    return this.#isRecorded(Buffer.from(traceId, "hex"), 0);
  }

  #isRecorded(bytes: Buffer, at: number): boolean {
    return bytes.readUIntBE(at + randomAt, randomBytes) >= this.#threshold;
  }

  /** Where so many random bytes are that nobody has used. */
  #draw(bytes: number): number {
    if (this.#used + bytes > poolBytes) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += bytes;
    return at;
  }

  #hexOf(at: number, bytes: number): string {
    return this.#pool.toString("hex", at, at + bytes);
  }
}
