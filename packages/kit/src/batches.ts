/**
 * Gathers messages for work that is cheaper in bulk: each batch is what has arrived while the one
 * before was being worked on, one message at least and `max` at most. Nothing waits for a batch to
 * fill up, so a message that comes alone is passed on at once.
 */
export async function* batches<T>(
  messages: AsyncIterable<T>,
  max: number,
): AsyncGenerator<T[], void, undefined> {
  let batch: T[] = [];
  let arrived = Promise.withResolvers<void>();
  let taken = Promise.withResolvers<void>();
  let stopped = false;
  const gather = async (): Promise<void> => {
    for await (const message of messages) {
      if (stopped) return;
      batch.push(message);
      arrived.resolve();
      if (batch.length >= max) await taken.promise;
    }
  };
  let finished = false;
  const gathered = gather().finally(() => {
    finished = true;
    arrived.resolve();
  });
  // Whoever reads the batches gets the error below; until then nobody is waiting for it.
  gathered.catch(() => undefined);
  try {
    for (;;) {
      await arrived.promise;
      if (batch.length === 0 && finished) return await gathered;
      const full = batch;
      batch = [];
      if (!finished) arrived = Promise.withResolvers();
      taken.resolve();
      taken = Promise.withResolvers();
      if (full.length > 0) yield full;
    }
  } finally {
    stopped = true;
    taken.resolve();
  }
}
