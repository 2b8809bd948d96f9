import { setImmediate } from "node:timers/promises";

/** What the two loops of {@link batches} share: one gathers, the other hands out. */
interface Gathering<T> {
  batch: T[];
  finished: boolean;
  stopped: boolean;
  arrived: PromiseWithResolvers<void>;
  taken: PromiseWithResolvers<void>;
}

/**
 * Gathers messages for work that is cheaper in bulk: each batch is what has arrived while the one
 * before was being worked on, one message at least and `max` at most. Nothing waits for a batch to
 * fill up, so a message that comes alone is passed on at once.
 */
export async function* batches<T>(
  messages: AsyncIterable<T>,
  max: number,
): AsyncGenerator<T[], void, undefined> {
  const state: Gathering<T> = {
    batch: [],
    finished: false,
    stopped: false,
    arrived: Promise.withResolvers(),
    taken: Promise.withResolvers(),
  };
  const gathered = gather(messages, max, state);
  // Whoever reads the batches gets the error below; until then nobody is waiting for it.
  gathered.catch(() => undefined);
  try {
    for (;;) {
      await state.arrived.promise;
      // What the connection has brought in the same turn belongs together.
      await setImmediate();
      const { batch, finished } = state;
      if (batch.length === 0 && finished) break;
      state.batch = [];
      if (!finished) state.arrived = Promise.withResolvers();
      state.taken.resolve();
      state.taken = Promise.withResolvers();
      if (batch.length > 0) yield batch;
    }
    await gathered;
  } finally {
    state.stopped = true;
    state.taken.resolve();
  }
}

async function gather<T>(
  messages: AsyncIterable<T>,
  max: number,
  state: Gathering<T>,
): Promise<void> {
  try {
    for await (const message of messages) {
      if (state.stopped) return;
      state.batch.push(message);
      state.arrived.resolve();
      if (state.batch.length >= max) await state.taken.promise;
    }
  } finally {
    state.finished = true;
    state.arrived.resolve();
  }
}
