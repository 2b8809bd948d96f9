/** How long after a deadline does each hop of a chain go on: client, order-service, product-service, PostgreSQL? */
import { expect, test } from "@jest/globals";
import { ProductServiceDefinition } from "@org/contracts/product/v1";
import { User, UserServiceDefinition } from "@org/contracts/user/v1";
import { startPostgres } from "@org/database/testing";
import { Code, createChannel, createClient, RpcError } from "@org/kit/client";
import { z } from "zod";
import { startCountingServer, userReading } from "../support/counting-server.ts";
import { report } from "../support/figures.ts";
import { openChannel } from "../support/open-channel.ts";
import { startService } from "../support/service-process.ts";

const timeoutMs = 400;
const rounds = 20;

const logLine = z.looseObject({ msg: z.string(), time: z.iso.datetime({ offset: true }) });

test("each hop stops within 50 ms after the deadline, and no query is left", async () => {
  await using postgres = await startPostgres();
  const database = await postgres.createDatabase();
  await using products = await startService({
    name: "product-service",
    dataDir: "unused",
    env: { DATABASE_URL: database, LOG_LEVEL: "debug", PRODUCT_CACHE_MS: "0" },
  });
  using toProducts = openChannel(products.target);
  const catalog = createClient(ProductServiceDefinition, toProducts);

  // As order-service: it says nothing of deadlines.
  const orderEnds: number[] = [];
  await using orders = await startCountingServer(async () => {
    try {
      const { id } = await catalog.getProduct({ productId: "p001" });
      return User.fromPartial({ id });
    } finally {
      orderEnds.push(Date.now());
    }
  });
  const channel = createChannel({
    target: orders.server.target,
    services: [UserServiceDefinition],
  });
  const client = createClient(userReading, { channel });

  // All connections are there when the first deadline begins to count.
  expect(await client.getUser({ userId: "u" })).toMatchObject({ id: "p001" });
  orderEnds.length = 0;

  await using blocker = await postgres.connect(database);
  await using observer = await postgres.connect(database);
  await blocker.query("begin");
  await blocker.query("lock table products in access exclusive mode");
  const waiting = async (): Promise<number> => {
    const rows = await observer.query(
      "select 1 from pg_stat_activity where application_name = 'product-service' and state = 'active'",
    );
    return rows.length;
  };

  const late = { client: [0], order: [0], product: [0], query: [0] };
  for (let round = 0; round < rounds; round += 1) {
    const deadline = Date.now() + timeoutMs;
    const call = client.getUser({ userId: "u" }, { deadline: new Date(deadline) });
    const outcome = call.then(
      () => undefined,
      (error: unknown) => ({ error, at: Date.now() }),
    );
    const begun = async (): Promise<"waiting"> => {
      while ((await waiting()) === 0 && Date.now() < deadline);
      return "waiting";
    };
    expect(await Promise.race([begun(), outcome])).toBe("waiting");
    const failed = await outcome;
    expect(failed?.error instanceof RpcError && failed.error.code).toBe(Code.DEADLINE_EXCEEDED);
    late.client.push((failed?.at ?? Infinity) - deadline);
    while ((await waiting()) > 0);
    late.query.push(Date.now() - deadline);
    while (orderEnds.length === round) await observer.query("select 1");
    late.order.push((orderEnds[round] ?? Infinity) - deadline);
    const ends = (): number[] => failureTimes(products.printed());
    while (ends().length === round) await observer.query("select 1");
    late.product.push((ends()[round] ?? Infinity) - deadline);
  }
  channel.close();
  const worst = Object.entries(late).map(([hop, times]) => [hop, Math.max(...times)] as const);
  report({
    what: `a deadline of ${timeoutMs} ms down a chain of three hops and a database, ${rounds} times`,
    must: "each hop stops within 50 ms after it, no query is left running",
    measured: `at the latest ${worst.map(([hop, ms]) => `${hop} ${ms} ms`).join(", ")} after it`,
  });
  for (const [, ms] of worst) expect(ms).toBeLessThanOrEqual(50);
  expect(await waiting()).toBe(0);
});

/** When product-service's calls failed, as its log has it. */
function failureTimes(printed: string): number[] {
  return printed.split("\n").flatMap((line) => {
    if (!line.includes('"msg":"call failed"')) return [];
    return [Date.parse(logLine.parse(JSON.parse(line)).time)];
  });
}
