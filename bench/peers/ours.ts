/**
 * Our server, with all that it has by default and the contract's own policies: tokens, scopes, deadlines, checks,
 * admission and errors in the log. Its argument is the file with the keys that tokens are checked by; without one,
 * nobody is asked who they are. A second one is how many methods there are besides.
 */
import { ProductServiceDefinition } from "@org/contracts/product/v1";
import { UserServiceDefinition } from "@org/contracts/user/v1";
import { authenticateByJwt, createLogger, implement, serve } from "@org/kit";
import { announce } from "../support/announce.ts";
import { audience, issuer } from "../support/issuer.ts";
import { findProduct, importOne, productsIn } from "../support/work.ts";

const [keysFile = "", more = "0"] = process.argv.slice(2);
const logger = createLogger({ name: "bench" });

const products = implement(ProductServiceDefinition, {
  getProduct: ({ productId }) => findProduct(productId),
  async *listProductsByCategory({ category }) {
    for (const product of productsIn(category)) yield product;
  },
  async *importProducts(requests) {
    for await (const { request } of requests) yield importOne(request);
  },
});

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
const { getProduct } = ProductServiceDefinition.methods;
const others = Array.from({ length: Number(more) }, (_, index) =>
  implement(
    { fullName: `bench.Other${index}`, methods: { getProduct } },
    { getProduct: ({ productId }) => findProduct(productId) },
  ),
);

const server = await serve({
  services: [products, users, ...others],
  logger,
  ...(keysFile !== "" && {
    authenticate: authenticateByJwt({ issuer, audience, keys: { file: keysFile }, logger }),
  }),
});
announce(server.port);
