/** How much memory can a few bytes that decompress to many make a server hold? */
import { expect, test } from "@jest/globals";
import { gzipSync } from "node:zlib";
import { GetUserRequest } from "@org/contracts/user/v1";
import { Code } from "@org/kit/client";
import { report } from "../support/figures.ts";
import { connectRaw, frame, type RawConnection } from "../support/raw-grpc.ts";
import { startTarget, type Target } from "../support/target.ts";
import { calm, expectUnharmed, mebibytes, rehearsed } from "../support/unharmed.ts";

const mebibyte = 1024 * 1024;
const connections = 4;
const bombsEach = 100;
const maxGrowth = 150 * mebibyte;
const explosionMs = 3_000;

/** What a method takes, of the contract. */
const maxBytes = 256 * 1024;

/** One valid request that is as large as it may be. */
const largest = GetUserRequest.encode({ userId: "u".repeat(maxBytes - 4) }).finish();

const bombs = [
  { title: "as large as the method takes", message: largest },
  { title: "larger than the method takes", message: Buffer.alloc(64 * mebibyte) },
  {
    // Groups without content: each of 2 bytes would be an object, were they taken apart.
    title: "of many tiny fields",
    message: Buffer.concat(
      Array.from({ length: maxBytes / 4 }, () => Buffer.from([0xa2, 0x06, 0, 0])),
    ).subarray(0, maxBytes),
  },
].map(({ title, message }) => ({ title, body: frame(gzipSync(message), { flag: 1 }) }));

test.each(bombs)("400 half-open calls with messages $title", async ({ title, body }) => {
  await using target = await startTarget();
  const calmBytes = (await calm(target)).residentBytes;
  const { peakBytes, refused } = await explode(target, body);
  expect(peakBytes - calmBytes).toBeLessThan(maxGrowth);
  const before = await rehearsed(target, () => explode(target, body));
  await explode(target, body);
  await expectUnharmed(target, before);
  report({
    what: `400 half-open compression bombs over ${connections} connections, ${title}`,
    must: "memory grows ≤ 150 MB",
    measured: `${body.length} bytes each: ${mebibytes(peakBytes - calmBytes)} MiB more at the most; ${connections * bombsEach - refused} held, ${refused} refused`,
  });
});

/** Opens the calls, and leaves them so for as long as it takes the server to deal with them. */
async function explode(
  target: Target,
  body: Buffer,
): Promise<{ readonly peakBytes: number; readonly refused: number }> {
  const raw: RawConnection[] = [];
  for (let index = 0; index < connections; index += 1) raw.push(await connectRaw(target.address));
  const calls = raw.flatMap((connection) =>
    Array.from({ length: bombsEach }, () =>
      connection.open({
        path: "/org.user.v1.UserService/GetUser",
        headers: { "grpc-encoding": "gzip" },
        body,
      }),
    ),
  );
  const statuses: (number | undefined)[] = [];
  for (const { answer } of calls) {
    // Those that are held are cut off with their connections in the end.
    answer.then(
      ({ status }) => void statuses.push(status),
      () => undefined,
    );
  }
  await using good = await connectRaw(target.address);
  const request = frame(GetUserRequest.encode({ userId: "u" }).finish());
  let peakBytes = 0;
  for (const end = performance.now() + explosionMs; performance.now() < end; ) {
    const { status } = await good.call({ path: "/org.user.v1.UserService/GetUser", body: request });
    expect(status).toBe(Code.OK);
    peakBytes = Math.max(peakBytes, target.residentBytes());
  }
  // Those that found no room were told so; the others wait to be ended.
  expect(statuses.filter((status) => status !== Code.RESOURCE_EXHAUSTED)).toEqual([]);
  const refused = statuses.length;
  for (const connection of raw) await connection[Symbol.asyncDispose]();
  return { peakBytes, refused };
}
