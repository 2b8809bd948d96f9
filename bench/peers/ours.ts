/**
 * Our server, with all that it has by default and the contract's own policies: tokens, scopes, deadlines, checks,
 * admission, metrics, traces where its environment asks for them, and errors in the log. Its argument is the file with
 * the keys that tokens are checked by; without one, nobody is asked who they are. A second one is how many methods there
 * are besides, and with `encoded` as a third one, products are kept as product-service keeps them where it has a cache:
 * encoded.
 */
import { Product, ProductServiceDefinition } from "@org/contracts/product/v1";
import { UserServiceDefinition } from "@org/contracts/user/v1";
import {
  authenticateByJwt,
  createLogger,
  type Encoded,
  encoded,
  implement,
  runMain,
  serve,
  serveMetrics,
} from "@org/kit";
import { announce } from "../support/announce.ts";
import { audience, issuer } from "../support/issuer.ts";
import { traceCalls } from "../support/trace-calls.ts";
import { findProduct, importOne, noteFound, productsIn } from "../support/work.ts";

const [keysFile = "", more = "0", kept = ""] = process.argv.slice(2);
const logger = createLogger({ name: "bench" });

const cache = new Map<string, Encoded<Product>>();
const cachedLists = new Map<string, readonly Encoded<Product>[]>();

/** A product from the cache, at once; where it is not there yet, later. */
function cachedProduct(id: string): Encoded<Product> | Promise<Encoded<Product>> {
  const known = cache.get(id);
  if (known === undefined) {
    return findProduct(id).then((product) => {
      const answer = encoded(Product, product);
      cache.set(id, answer);
      return answer;
    });
  }
  noteFound();
  return known;
}

function cachedProductsIn(category: string): readonly Encoded<Product>[] {
  const list =
    cachedLists.get(category) ?? productsIn(category).map((each) => encoded(Product, each));
  cachedLists.set(category, list);
  return list;
}

const isEncoded = kept === "encoded";
// Not those that are added to the contract one day.
const { getProduct, listProductsByCategory, importProducts } = ProductServiceDefinition.methods;
const productMethods = { getProduct, listProductsByCategory, importProducts };
const products = implement(
  { ...ProductServiceDefinition, methods: productMethods },
  {
    getProduct: ({ productId }) => (isEncoded ? cachedProduct(productId) : findProduct(productId)),
    async *listProductsByCategory({ category }) {
      for (const each of (isEncoded ? cachedProductsIn : productsIn)(category)) yield each;
    },
    async *importProducts(requests) {
      for await (const { request } of requests) yield importOne(request);
    },
  },
);

const { bulkCreateUsers } = UserServiceDefinition.methods;
const users = implement(
  { ...UserServiceDefinition, methods: { bulkCreateUsers } },
  {
    async bulkCreateUsers(requests) {
      let createdCount = 0;
      for await (const { name } of requests) if (name !== "") createdCount += 1;
      return { createdCount, userIds: [] };
    },
  },
);

/** Methods that nobody calls. */
const others = Array.from({ length: Number(more) }, (_, index) =>
  implement(
    { fullName: `bench.Other${index}`, methods: { getProduct } },
    { getProduct: ({ productId }) => findProduct(productId) },
  ),
);

await runMain(async () => {
  await traceCalls(logger);
  await serveMetrics({ logger });
  const server = await serve({
    services: [products, users, ...others],
    logger,
    ...(keysFile !== "" && {
      authenticate: authenticateByJwt({ issuer, audience, keys: { file: keysFile }, logger }),
    }),
  });
  announce(server.port);
});
