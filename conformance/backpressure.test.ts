/** Does a client that stops reading cost the server memory? */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { setTimeout as delay } from "node:timers/promises";
import { type Product, ProductServiceDefinition } from "@org/contracts/product/v1";
import { createClient } from "@org/kit/client";
import { type OpenChannel, openChannel } from "./support/open-channel.ts";
import { importRows, type ProductClient, productRows, rowId } from "./support/product-rows.ts";
import { type ServiceProcess, startService } from "./support/service-process.ts";
import { type TemporaryFolder, temporaryFolder } from "./support/temporary-folder.ts";

const mebibyte = 1024 * 1024;
const count = 60_000;
const bytesEach = 500;
const stalledStreams = 4;

/** How much the server's memory may grow while it has more than 100 MB to send that nobody takes. */
const maxGrowth = 40 * mebibyte;

let folder: TemporaryFolder;
let service: ServiceProcess;
let channel: OpenChannel;
let products: ProductClient;

beforeAll(async () => {
  folder = await temporaryFolder();
  service = await startService({ name: "product-service", dataDir: folder.path });
  channel = openChannel(service.target);
  products = createClient(ProductServiceDefinition, channel);
  await importRows(products, productRows("Big", count, bytesEach));
}, 180_000);

afterAll(async () => {
  channel[Symbol.dispose]();
  await service[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

test("streams whose clients stop reading leave the memory flat, and go on where they stopped", async () => {
  // What sending all of it needs anyway: buffers, code, a heap that has grown once.
  const start = performance.now();
  await expectAll(products.listProductsByCategory({ category: "Big" }));
  const timeForAll = performance.now() - start;

  const before = service.residentBytes();
  const stalled = Array.from({ length: stalledStreams }, () =>
    products.listProductsByCategory({ category: "Big" }),
  );
  const firsts = await Promise.all(stalled.map((stream) => stream.next()));
  expect(firsts.map(({ value }) => value?.id)).toEqual(stalled.map(() => rowId("Big", 0)));

  // Long enough to send two of the streams, which is more than the limit.
  let peak = 0;
  for (const end = performance.now() + 2 * timeForAll; performance.now() < end; ) {
    // The server has not stopped: it answers others.
    await products.getProduct({ productId: rowId("Big", count - 1) });
    peak = Math.max(peak, service.residentBytes());
    await delay(20);
  }
  expect((peak - before) / mebibyte).toBeLessThan(maxGrowth / mebibyte);

  const [goesOn, ...left] = stalled;
  for (const stream of left) await stream.return?.();
  if (goesOn !== undefined) await expectAll(goesOn, 1);
}, 180_000);

/** Reads a stream to its end, and checks that nothing is missing, repeated, out of order or cut short. */
async function expectAll(stream: AsyncIterable<Product>, from = 0): Promise<void> {
  let index = from;
  for await (const { id, description } of stream) {
    if (id !== rowId("Big", index) || description.length !== bytesEach) break;
    index += 1;
  }
  expect(index).toBe(count);
}
