/** Can another team build a service on our packages, which calls both of ours? */
import { join } from "node:path";
import { Client, credentials } from "@grpc/grpc-js";
import { loadSync, type MethodDefinition } from "@grpc/proto-loader";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { preparedDataDir } from "@org/database/testing";
import { type Clients, Code, connect } from "@org/client";
import { ImportProductsResponse_Outcome } from "@org/contracts/product/v1";
import { type RunningServer, RpcError } from "@org/kit";
import * as productService from "@org/product-service";
import * as userService from "@org/user-service";
import { installExample } from "./support/installed-example.ts";
import { mustRunTool, runTool } from "./support/run-tool.ts";
import { type ServiceProcess, startService } from "./support/service-process.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const environment = {
  DATA_DIR: await preparedDataDir("product-service", "user-service"),
  GRPC_PORT: "0",
  LOG_LEVEL: "silent",
};
const folder = await temporaryFolder();

let example: string;
let products: RunningServer;
let users: RunningServer;
let targets: Readonly<Record<string, string>>;

beforeAll(async () => {
  [example, products, users] = await Promise.all([
    installExample(folder.path),
    productService.startApp(productService.readConfig(environment), { signals: false }),
    userService.startApp(userService.readConfig(environment), { signals: false }),
  ]);
  targets = { PRODUCTS_TARGET: products.target, USERS_TARGET: users.target };
}, 180_000);

afterAll(async () => {
  await Promise.all([products.close(), users.close()]);
  await folder[Symbol.asyncDispose]();
});

test("its code fits the packages' types, which are checked as well", async () => {
  const { code, stdout } = await runTool("npm", ["run", "typecheck"], { cwd: example });
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.not.stringContaining("error") });
});

test("its own tests pass", async () => {
  const report = await mustRunTool("npm", ["test"], { cwd: example });
  expect(report).toMatch(/^. pass [1-9]\d*$/m);
  expect(report).toMatch(/^. fail 0$/m);
});

test("its demonstration places an order, and can be repeated", async () => {
  for (let run = 1; run <= 2; run += 1) {
    const printed = await mustRunTool("npm", ["run", "demo"], { cwd: example, env: targets });
    expect(printed).toMatch(/^order [0-9a-f-]{36}: 3 × demo-mug = 59\.97 EUR$/m);
  }
});

describe("running beside both services", () => {
  let orders: ServiceProcess;
  let clients: Clients;
  let userId: string;

  beforeAll(async () => {
    orders = await startOrderService(targets);
    clients = connect({ products: products.target, users: users.target });
    ({ id: userId } = await clients.users.createUser({ name: "Ada", email: "ada@example.org" }));
    const prices = [
      { id: "third", currencyCode: "EUR", units: 0n, nanos: 333_333_333 },
      { id: "huge", currencyCode: "EUR", units: 9_007_199_254_740_993n, nanos: 10_000_000 },
      { id: "dollar", currencyCode: "USD", units: 1n, nanos: 0 },
    ];
    const requests = prices.map(({ id, ...unitPrice }) => ({
      operation: { $case: "upsert", value: { id, name: id, category: "Test", unitPrice } } as const,
    }));
    for await (const { outcome } of clients.products.importProducts(requests)) {
      if (outcome !== ImportProductsResponse_Outcome.OUTCOME_CREATED) {
        throw new Error("the products were there before");
      }
    }
  });

  afterAll(async () => {
    clients.close();
    await orders[Symbol.asyncDispose]();
  });

  test("answers with a total that no float could hold", async () => {
    const lines = [
      { product_id: "third", quantity: 4 },
      { product_id: "huge", quantity: 3 },
    ];
    await expect(placeOrder(orders.target, { user_id: userId, lines })).resolves.toEqual({
      order_id: expect.stringMatching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      total: { currency_code: "EUR", units: "27021597764222980", nanos: 363_333_332 },
    });
  });

  test.each([
    { reason: "USER_NOT_FOUND", user: "nobody", productIds: ["third"] },
    { reason: "PRODUCT_NOT_FOUND", user: undefined, productIds: ["third", "nothing"] },
    { reason: "CURRENCIES_DIFFER", user: undefined, productIds: ["third", "dollar"] },
  ])("refuses an order: $reason", async ({ reason, user, productIds }) => {
    const lines = productIds.map((id) => ({ product_id: id, quantity: 1 }));
    const placed = placeOrder(orders.target, { user_id: user ?? userId, lines });
    await expect(placed).rejects.toMatchObject({ code: Code.FAILED_PRECONDITION, reason });
  });

  test("names each wrong field of an order", async () => {
    const order = { user_id: "", lines: [{ product_id: "", quantity: 0 }] };
    await expect(placeOrder(orders.target, order)).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      violations: [
        { field: "user_id" },
        { field: "lines[0].product_id" },
        { field: "lines[0].quantity" },
      ],
    });
  });

  test("ends with 0 on SIGTERM", async () => {
    orders.kill("SIGTERM");
    expect(await orders.ended).toEqual({ code: 0, signal: null });
  });
});

test("answers UNAVAILABLE where a service that it needs is not there", async () => {
  // Nobody listens on port 1.
  await using orders = await startOrderService({ ...targets, PRODUCTS_TARGET: "127.0.0.1:1" });
  const order = { user_id: "somebody", lines: [{ product_id: "third", quantity: 1 }] };
  await expect(placeOrder(orders.target, order)).rejects.toMatchObject({ code: Code.UNAVAILABLE });
});

function startOrderService(env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  const entry = join(example, "src/main.ts");
  return startService({ name: "order-service", dataDir: "memory://", entry, env });
}

/**
 * Calls order-service as a stranger would, who has nothing but its .proto file. A call that fails
 * rejects with an RpcError, for its details.
 */
async function placeOrder(target: string, order: object): Promise<object> {
  const definitions = loadSync("shop/order/v1/order_service.proto", {
    includeDirs: [join(example, "proto"), join(example, "node_modules/@org/contracts/dist/proto")],
    keepCase: true,
    longs: String,
  });
  const method = Object.values(definitions["shop.order.v1.OrderService"] ?? {}).find(isMethod);
  if (method === undefined) throw new Error("the contract of the example has no method");
  const { path, requestSerialize, responseDeserialize } = method;
  const client = new Client(target, credentials.createInsecure());
  const { promise, resolve, reject } = Promise.withResolvers<object>();
  client.makeUnaryRequest(path, requestSerialize, responseDeserialize, order, (error, answer) => {
    if (error !== null) reject(RpcError.fromStatus(error));
    else resolve(answer ?? {});
  });
  try {
    return await promise;
  } finally {
    client.close();
  }
}

function isMethod(value: unknown): value is MethodDefinition<object, object> {
  return typeof value === "object" && value !== null && "requestSerialize" in value;
}
