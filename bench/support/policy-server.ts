/** A server for policy-cost.ts: `enforced` has what the contract says of GetProduct, `bare` has nothing of it. */
import { Product, ProductServiceDefinition } from "@org/contracts/product/v1";
import { createLogger, implement, runMain, serve } from "@org/kit";

const { name, requestType, requestStream, responseType, responseStream, policy, check } =
  ProductServiceDefinition.methods.getProduct;
const bare = { name, requestType, requestStream, responseType, responseStream } as const;
const { fullName } = ProductServiceDefinition;

const product = Product.fromPartial({
  id: "p001",
  name: "Laptop Pro X",
  description: "A laptop for people who carry it all day",
  category: "Electronics",
  unitPrice: { currencyCode: "USD", units: 1299n, nanos: 990_000_000 },
});

// As a handler that asks a database is: answered later.
const handlers = { getProduct: () => Promise.resolve(product) };
const isEnforced = process.argv[2] === "enforced";
const principal = { subject: "bench", scopes: new Set(["products.read"]) };

await runMain(async () => {
  const server = await serve({
    services: [
      isEnforced
        ? implement({ fullName, methods: { getProduct: { ...bare, policy, check } } }, handlers)
        : implement({ fullName, methods: { getProduct: bare } }, handlers),
    ],
    ...(isEnforced && { authenticate: () => principal }),
    logger: createLogger({ name: "bench", level: "silent" }),
  });
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send?.(user + system);
  });
  process.send?.(server.port);
});
