import type { PendingDeadline } from "./deadline-queue.ts";

/**
 * How many streams are reset at once, and how many a second after that. A server on Node takes 1,000 and 33 on each
 * connection, and then closes it with all calls on it (`streamResetBurst`, `streamResetRate`:
 * https://nodejs.org/api/http2.html#http2createserveroptions-onrequesthandler).
 */
const burst = 500;
const perSecond = 25;

/** How many may wait to be reset: each is a stream with its buffers. */
const maxWaiting = 10_000;

const intervalMs = 200;

const waiting = new Set<() => void>();
let tokens = burst;
let filledAt = 0;
let timer: NodeJS.Timeout | undefined;

/** Resets a stream when that does no harm to others; until then, its server may still end it by itself. */
export function resetSparingly(reset: () => void): PendingDeadline {
  waiting.add(reset);
  drain();
  return {
    cancel: () => {
      waiting.delete(reset);
    },
  };
}

function drain(): void {
  const now = performance.now();
  tokens = Math.min(burst, tokens + ((now - filledAt) / 1000) * perSecond);
  filledAt = now;
  for (const reset of waiting) {
    if (tokens < 1 && waiting.size <= maxWaiting) break;
    tokens = Math.max(0, tokens - 1);
    waiting.delete(reset);
    reset();
  }
  if (waiting.size > 0) {
    timer ??= setInterval(drain, intervalMs).unref();
  } else {
    clearInterval(timer);
    timer = undefined;
  }
}
