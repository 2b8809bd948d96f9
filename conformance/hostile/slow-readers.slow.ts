/** What do clients cost a server's memory that ask for a million rows and read none, or few? */
import { expect, test } from "@jest/globals";
import { createChannel, createClient } from "@org/kit/client";
import { report } from "../support/figures.ts";
import { startTarget, type Target, targetUsers } from "../support/target.ts";
import { expectUnharmed, mebibytes, rehearsed } from "../support/unharmed.ts";

const mebibyte = 1024 * 1024;
const readers = 10;
const rows = 1_000_000;
const maxGrowth = 30 * mebibyte;
const watchedMs = 10_000;

test.each([
  { title: "never-reading", rowsPerSecond: 0 },
  { title: "slow", rowsPerSecond: 1_000 },
])("$title readers", async ({ title, rowsPerSecond }) => {
  await using target = await startTarget();
  const before = await rehearsed(target, () => readSlowly(target, readers, rowsPerSecond));
  // What the calls beside them need, which are made all the time.
  const { peakBytes: usualBytes } = await readSlowly(target, 0, 0);
  const { peakBytes, rowsRead } = await readSlowly(target, readers, rowsPerSecond);
  expect(peakBytes - usualBytes).toBeLessThan(maxGrowth);
  await expectUnharmed(target, before);
  report({
    what: `${readers} ${title} readers of a million rows`,
    must: "server memory + ≤ 30 MB",
    measured: `${mebibytes(peakBytes - usualBytes)} MiB more at the most in ${watchedMs / 1_000} s${rowsRead === 0 ? "" : `, ${rowsRead} rows read by each`}`,
  });
});

/** Asks for all rows, and reads so many a second of each stream, while another client makes calls. */
async function readSlowly(
  target: Target,
  count: number,
  rowsPerSecond: number,
): Promise<{ readonly peakBytes: number; readonly rowsRead: number }> {
  const channel = createChannel({ target: target.address, services: [targetUsers] });
  const other = createChannel({ target: target.address, services: [targetUsers] });
  const client = createClient(targetUsers, { channel });
  const good = createClient(targetUsers, { channel: other });
  const streams = Array.from({ length: count }, () =>
    client.listUsers({ pageToken: String(rows) }),
  );
  await Promise.all(streams.map((stream) => stream.next()));

  let peakBytes = 0;
  let rowsRead = 0;
  const start = performance.now();
  for (let passed = 0; passed < watchedMs; passed = performance.now() - start) {
    await good.getUser({ userId: "u" });
    for (; rowsRead < (passed / 1_000) * rowsPerSecond; rowsRead += 1) {
      await Promise.all(streams.map((stream) => stream.next()));
    }
    peakBytes = Math.max(peakBytes, target.residentBytes());
  }
  // They are held back, not ended.
  expect((await target.state()).handlers).toBe(count);
  for (const stream of streams) await stream.return?.();
  channel.close();
  other.close();
  return { peakBytes, rowsRead };
}
