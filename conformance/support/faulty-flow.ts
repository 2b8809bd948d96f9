import type { Socket } from "node:net";
import { performance } from "node:perf_hooks";

/**
 * What becomes of bytes on their way:
 *
 * - `pass`: nothing happens to them.
 * - `delay`: each chunk, and the end, is forwarded `ms` after it came, in order.
 * - `trickle`: a few bytes at a time are forwarded, at that rate at the most, which is above 0.
 * - `blackhole`: they are swallowed; what was swallowed is lost. An end is held back.
 * - `reset`: connections are reset (TCP RST).
 */
export type FaultMode =
  | { readonly kind: "pass" }
  | { readonly kind: "delay"; readonly ms: number }
  | { readonly kind: "trickle"; readonly bytesPerSecond: number }
  | { readonly kind: "blackhole" }
  | { readonly kind: "reset" };

/** One direction of a connection. */
export interface FaultyFlow {
  /** Whether bytes were swallowed: what comes after them makes no sense to the receiver. */
  readonly lost: boolean;
  /** Forwards what may be forwarded now. */
  advance(mode: FaultMode): void;
}

/** What is under way: bytes, or the end. */
interface Held {
  bytes: Buffer | "end";
  readonly cameAt: number;
}

/** In bytes: with this much held back, no more is read. */
const mostHeld = 1024 * 1024;

/** How often a trickle flows, unless a byte takes longer. */
const trickleMs = 20;

/**
 * Reads a source for a sink. It calls `wake` whenever there may be something to do, and forwards nothing
 * unless that calls {@link FaultyFlow.advance}. While the sink is full, the source is paused.
 */
export function startFlow(source: Socket, sink: Socket, wake: () => void): FaultyFlow {
  let held: Held[] = [];
  let heldBytes = 0;
  let lost = false;
  let trickleAt = 0;
  let timer: NodeJS.Timeout | undefined;

  source.on("data", (bytes) => {
    held.push({ bytes, cameAt: performance.now() });
    heldBytes += bytes.length;
    wake();
  });
  source.on("end", () => {
    held.push({ bytes: "end", cameAt: performance.now() });
    wake();
  });
  sink.on("drain", wake).on("close", () => clearTimeout(timer));

  function swallow(): void {
    lost ||= heldBytes > 0;
    held = held.filter(({ bytes }) => bytes === "end");
    heldBytes = 0;
    source.resume();
  }

  function forward(first: Held, mode: FaultMode): void {
    if (first.bytes === "end") {
      held.shift();
      sink.end();
      return;
    }
    let piece = first.bytes;
    if (mode.kind === "trickle") {
      const { bytesPerSecond } = mode;
      piece = piece.subarray(0, Math.max(1, Math.floor((bytesPerSecond * trickleMs) / 1000)));
      trickleAt = performance.now() + (piece.length / bytesPerSecond) * 1000;
    }
    if (piece.length < first.bytes.length) first.bytes = first.bytes.subarray(piece.length);
    else held.shift();
    heldBytes -= piece.length;
    sink.write(piece);
  }

  /** When it may go on, as `performance.now()` counts. */
  function dueAt({ cameAt }: Held, mode: FaultMode): number {
    if (mode.kind === "delay") return cameAt + mode.ms;
    return mode.kind === "trickle" ? trickleAt : 0;
  }

  return {
    get lost() {
      return lost;
    },
    advance(mode) {
      clearTimeout(timer);
      if (sink.destroyed) return;
      if (mode.kind === "blackhole") {
        swallow();
        return;
      }
      for (let first = held[0]; first !== undefined && !sink.writableNeedDrain; first = held[0]) {
        const waitMs = dueAt(first, mode) - performance.now();
        if (waitMs > 0) {
          timer = setTimeout(wake, Math.ceil(waitMs));
          break;
        }
        forward(first, mode);
      }
      if (sink.writableNeedDrain || heldBytes >= mostHeld) source.pause();
      else source.resume();
    },
  };
}
