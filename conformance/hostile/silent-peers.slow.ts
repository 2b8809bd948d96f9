/** Do peers that connect and say nothing, or half of something, keep others out? */
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { GetUserRequest } from "@org/contracts/user/v1";
import { Code, createChannel, createClient } from "@org/kit/client";
import { createAuthority } from "../../scripts/certificates.ts";
import { report } from "../support/figures.ts";
import { connectRaw, frame } from "../support/raw-grpc.ts";
import { failuresIn, startLoad, summaryOf } from "../support/steady-load.ts";
import { startTarget, type Target, targetUsers } from "../support/target.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { calm, expectUnharmed, rehearsed } from "../support/unharmed.ts";

/** By when whoever says nothing has to be gone, in milliseconds. */
const maxSilentMs = 10_000;
const maxConnections = 1_000;

/** How long it took until all of them were closed, in milliseconds. */
async function untilClosed(sockets: readonly Socket[], start: number): Promise<number> {
  const open = sockets.filter((socket) => !socket.closed);
  await Promise.all(open.map((socket) => once(socket, "close")));
  return performance.now() - start;
}

function connectTo(target: Target): Socket {
  return connect(target.port, "127.0.0.1")
    .on("error", () => undefined)
    .resume();
}

/** Calls of a client that is there, and of new ones, ten a second, while something else goes on. */
async function withGoodClients<T>(
  target: Target,
  tls: { readonly caFile: string; readonly serverName: string } | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const settings = { target: target.address, services: [targetUsers], ...(tls && { tls }) };
  const channel = createChannel(settings);
  const client = createClient(targetUsers, { channel });
  await client.getUser({ userId: "u" });
  const load = startLoad(100, () => client.getUser({ userId: "u" }));
  const newcomers = startLoad(10, async () => {
    const own = createChannel(settings);
    try {
      await createClient(targetUsers, { channel: own }).getUser({ userId: "u" });
    } finally {
      own.close();
    }
  });
  try {
    return await work();
  } finally {
    const outcomes = [...(await load.stop()), ...(await newcomers.stop())];
    channel.close();
    expect(summaryOf(failuresIn(outcomes))).toEqual({});
  }
}

test("2,000 silent sockets", async () => {
  await using target = await startTarget({ maxConnections });
  const before = await rehearsed(target, () => sitSilently(target));
  const { closedMs, most } = await withGoodClients(target, undefined, () => sitSilently(target));
  expect(most).toBeGreaterThan(maxConnections / 2);
  // The event loop sees the end of those that are closed a turn later.
  expect(most).toBeLessThanOrEqual(maxConnections + 10);
  expect(closedMs).toBeLessThan(maxSilentMs);
  await expectUnharmed(target, before);
  report({
    what: `2,000 silent sockets, at most ${maxConnections} connections`,
    must: "closed within 10 s, the cap holds, good clients unaffected",
    measured: `closed after ${Math.round(closedMs)} ms, at most ${most} at a time, 0 calls of good clients failed, new ones included`,
  });
});

/** Connects 2,000 times, and says nothing. */
async function sitSilently(
  target: Target,
): Promise<{ readonly closedMs: number; readonly most: number }> {
  const start = performance.now();
  const sockets: Socket[] = [];
  let most = 0;
  for (let count = 0; count < 2_000; count += 100) {
    const more = Array.from({ length: 100 }, () => connectTo(target));
    // In steps: what the kernel has not handed over when its queue is full, no server closes.
    await Promise.all(more.map((socket) => once(socket, "connect")));
    sockets.push(...more);
    most = Math.max(most, (await target.state()).connections);
  }
  return { closedMs: await untilClosed(sockets, start), most };
}

test("200 silent TLS handshakes", async () => {
  await using folder = await temporaryFolder();
  const authority = await createAuthority("test");
  const server = await authority.issue({ dnsNames: ["localhost"] });
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(folder.path, name);
    await writeFile(path, text);
    return path;
  };
  const caFile = await file("ca.pem", authority.certificatePem);
  await using target = await startTarget({
    tls: {
      certFile: await file("server.pem", server.certificatePem),
      keyFile: await file("server.key", server.privateKeyPem),
    },
  });
  const start = performance.now();
  const closedMs = await withGoodClients(target, { caFile, serverName: "localhost" }, async () => {
    const sockets = Array.from({ length: 200 }, () => connectTo(target));
    // Half of them begin: the header of a ClientHello that is never sent.
    const half = Buffer.from("1603010200010001fc03", "hex");
    for (const socket of sockets.slice(100)) socket.write(half);
    return untilClosed(sockets, start);
  });
  expect(closedMs).toBeLessThan(maxSilentMs);
  expect((await target.state()).handlers).toBe(0);
  report({
    what: "200 silent TLS handshakes",
    must: "closed within 10 s, good clients unaffected",
    measured: `closed after ${Math.round(closedMs)} ms, 0 calls of good clients failed`,
  });
});

test("200 half messages", async () => {
  await using target = await startTarget();
  const before = await calm(target);
  const body = frame(GetUserRequest.encode({ userId: "u" }).finish()).subarray(0, -1);
  await using raw = await connectRaw(target.address);
  const start = performance.now();
  const answers = await withGoodClients(target, undefined, () =>
    Promise.all(
      ["GetUser", "ListUsers", "BulkCreateUsers"].flatMap((method) =>
        Array.from({ length: 200 }, () =>
          raw.call({ path: `/org.user.v1.UserService/${method}`, body, keepOpen: true }),
        ),
      ),
    ),
  );
  const closedMs = performance.now() - start;
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([Code.DEADLINE_EXCEEDED]));
  expect(closedMs).toBeLessThan(maxSilentMs);
  await expectUnharmed(target, before);
  report({
    what: "200 half messages to each of 3 methods",
    must: "closed within 10 s, good clients unaffected",
    measured: `DEADLINE_EXCEEDED after ${Math.round(closedMs)} ms, 0 calls of good clients failed`,
  });
});
