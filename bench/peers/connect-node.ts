/** @connectrpc/connect-node over plain HTTP/2, called by gRPC's protocol. */
import { once } from "node:events";
import { createServer } from "node:http2";
import { create } from "@bufbuild/protobuf";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { ImportProductsResponse_Outcome, type Product } from "@org/contracts/product/v1";
import { announce } from "../support/announce.ts";
import {
  type ConnectProduct,
  productSchema,
  productService,
  userService,
} from "../support/connect-contract.ts";
import { listeningPort } from "../support/listening-port.ts";
import { findProduct, productsIn } from "../support/work.ts";

/** As the others' are, the products are there, and only encoded for each call. */
const made = new Map<Product, ConnectProduct>();
function asMessage(product: Product): ConnectProduct {
  const message = made.get(product) ?? create(productSchema, product);
  made.set(product, message);
  return message;
}

const adapter = connectNodeAdapter({
  routes(router) {
    router.service(productService, {
      getProduct: async ({ productId }) => asMessage(await findProduct(productId)),
      async *listProductsByCategory({ category }) {
        for (const product of productsIn(category)) yield asMessage(product);
      },
      async *importProducts(requests) {
        const { OUTCOME_UPDATED: outcome } = ImportProductsResponse_Outcome;
        for await (const { sequence } of requests) yield { sequence, outcome };
      },
    });
    router.service(userService, {
      async bulkCreateUsers(requests) {
        let createdCount = 0;
        for await (const { name } of requests) if (name !== "") createdCount += 1;
        return { createdCount };
      },
    });
  },
});
const server = createServer(adapter).listen(0, "127.0.0.1");
await once(server, "listening");
announce(listeningPort(server));
