import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Channel } from "@grpc/grpc-js";
import { type ImportProductsRequest, ProductServiceDefinition } from "@org/contracts/product/v1";
import { freePort, type MainProcess, startMain } from "@org/database/testing";
import { type Client, Code, createChannel, createClient, type MessageInput } from "@org/kit/client";
import { gather, outcomesOf, product, upsert } from "./contract/messages.ts";

let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "main-"));
});

afterAll(() => rm(dataDir, { recursive: true, force: true }));

function start(environment: Record<string, string> = {}): MainProcess {
  return startMain({
    main: new URL("../src/main.ts", import.meta.url),
    environment: { GRPC_PORT: "0", DATA_DIR: dataDir, ...environment },
  });
}

/** A client of the service in a process; resolves once that serves. */
async function connect(
  main: MainProcess,
): Promise<{ channel: Channel; products: Client<typeof ProductServiceDefinition> }> {
  const channel = createChannel({
    target: `127.0.0.1:${await main.port}`,
    services: [ProductServiceDefinition],
  });
  return { channel, products: createClient(ProductServiceDefinition, { channel }) };
}

describe("a start that cannot be ends with 1, and says why in one sentence", () => {
  test("a wrong environment", async () => {
    await using main = start({ GRPC_PORT: "http", DATABASE_URL: "mysql://user:secret@host/name" });
    expect(await main.exit).toEqual({
      code: 1,
      signal: null,
      stderr: expect.stringMatching(
        /^the environment is wrong:\n(?: {2}(?:GRPC_PORT is "http"|DATABASE_URL is a value that is not shown): it must be .*\n){2}$/,
      ),
    });
  });

  test.each(["1", "3"])("a database server that nobody finds, WORKERS=%s", async (workers) => {
    const port = await freePort();
    await using main = start({
      DATABASE_URL: `postgresql://user:secret@127.0.0.1:${port}/name`,
      WORKERS: workers,
    });
    expect(await main.exit).toEqual({
      code: 1,
      signal: null,
      stderr: `the database cannot be reached: connect ECONNREFUSED 127.0.0.1:${port}\n`,
    });
  });

  test("the embedded database, with workers", async () => {
    await using main = start({ WORKERS: "2" });
    expect(await main.exit).toEqual({
      code: 1,
      signal: null,
      stderr:
        'the environment is wrong:\n  WORKERS is "2": it must be 1 where DATABASE_URL is not set: ' +
        "the embedded database belongs to one process\n",
    });
  });

  test("a data folder that is taken, and a port that is", async () => {
    await using owner = start();
    const port = await owner.port;
    await using second = start();
    expect(await second.exit).toEqual({
      code: 1,
      signal: null,
      stderr:
        `the embedded database in ${join(dataDir, "product-service")} is in use by process ${owner.pid}: ` +
        "stop that process, or set DATA_DIR to another folder, or DATABASE_URL to a server\n",
    });

    // What a killed process leaves behind takes nothing.
    owner.kill("SIGKILL");
    expect(await owner.exit).toMatchObject({ signal: "SIGKILL" });
    const occupant = createServer();
    await new Promise<void>((resolve) => occupant.listen(port, "127.0.0.1", resolve));
    await using third = start({ GRPC_PORT: String(port) });
    const { code, stderr } = await third.exit;
    expect(code).toBe(1);
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(
      new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${port}: .*EADDRINUSE`),
    );
    await new Promise((resolve) => occupant.close(resolve));
  });
});

test("SIGTERM lets a listing come to its end, and ends an import that goes on", async () => {
  await using main = start();
  const { channel, products } = await connect(main);
  const category = "Large";
  const rows = Array.from({ length: 1_000 }, () =>
    product({ category, description: "d".repeat(1_000) }),
  );
  const answers = await gather(products.importProducts(rows.map((row) => upsert(row))));
  expect(new Set(outcomesOf(answers))).toEqual(new Set(["created"]));

  const listing = products.listProductsByCategory({ category });
  expect((await listing.next()).value).toMatchObject({ category });
  const last = product();
  const never = Promise.withResolvers<MessageInput<ImportProductsRequest>>();
  async function* requests() {
    yield upsert(last);
    yield await never.promise;
  }
  const importing = products.importProducts(requests());
  expect((await importing.next()).value).toMatchObject({ sequence: 0n, violations: [] });

  main.kill("SIGTERM");
  expect(await gather(listing)).toHaveLength(rows.length - 1);
  await expect(importing.next()).rejects.toMatchObject({ code: Code.UNAVAILABLE });
  expect(await main.exit).toEqual({ code: 0, signal: null, stderr: "" });
  channel.close();
});
