/**
 * Places one order: makes sure that there is a user and a product, starts order-service on a free
 * port, calls it, and prints what it answers. product-service and user-service have to run.
 */
import { connect, type ConnectOptions, formatAmount } from "@org/client";
import { clientTlsOf, runMain } from "@org/kit";
import { createChannel, createClient } from "@org/kit/client";
import { startApp } from "./app.ts";
import { readConfig } from "./config.ts";
import { OrderServiceDefinition } from "./gen/index.shop.order.v1.ts";

await runMain(async () => {
  const config = readConfig({ LOG_LEVEL: "warn", ...process.env, GRPC_PORT: "0" });
  const tls = clientTlsOf(config);
  const secured = tls && { tls };
  const { userId, productId } = await seed({
    products: config.PRODUCTS_TARGET,
    users: config.USERS_TARGET,
    ...secured,
  });

  const server = await startApp(config);
  const channel = createChannel({
    target: server.target,
    services: [OrderServiceDefinition],
    ...(config.TLS_CERT_FILE !== undefined && secured),
  });
  try {
    const orders = createClient(OrderServiceDefinition, { channel });
    const { orderId, total } = await orders.placeOrder({
      userId,
      lines: [{ productId, quantity: 3 }],
    });
    if (total === undefined) throw new Error("the answer has no total");
    console.log(
      `order ${orderId}: 3 × ${productId} = ${formatAmount(total)} ${total.currencyCode}`,
    );
  } finally {
    channel.close();
    await server.close();
  }
});

/** Creates the user and the product of the demonstration, unless an earlier run did. */
async function seed(options: ConnectOptions): Promise<{ userId: string; productId: string }> {
  const { products, users, close } = connect(options);
  try {
    const { id: userId } = await users.createUser({
      name: "Ada Lovelace",
      email: "ada@example.org",
      requestId: "order-service-demo",
    });
    const unitPrice = { currencyCode: "EUR", units: 19n, nanos: 990_000_000 };
    const product = { id: "demo-mug", name: "Mug", category: "Kitchen", unitPrice };
    const requests = [{ operation: { $case: "upsert", value: product } }] as const;
    for await (const { violations } of products.importProducts(requests)) {
      if (violations.length > 0)
        throw new Error(`the product was rejected: ${violations[0]?.description}`);
    }
    return { userId, productId: product.id };
  } finally {
    close();
  }
}
