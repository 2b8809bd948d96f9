/** nice-grpc with ts-proto's generic definitions, as its documentation shows it. */
import { ProductServiceDefinition } from "@org/contracts/product/v1";
import { UserServiceDefinition } from "@org/contracts/user/v1";
import { createServer } from "nice-grpc";
import { announce } from "../support/announce.ts";
import { niceDefinition } from "../support/nice-definition.ts";
import { findProduct, importOne, productsIn } from "../support/work.ts";

// Not those that are added to the contract one day.
const { getProduct, listProductsByCategory, importProducts } = ProductServiceDefinition.methods;
const productMethods = { getProduct, listProductsByCategory, importProducts };

const server = createServer();
server.add(niceDefinition({ ...ProductServiceDefinition, methods: productMethods }), {
  getProduct: ({ productId }) => findProduct(productId),
  async *listProductsByCategory({ category }) {
    for (const product of productsIn(category)) yield product;
  },
  async *importProducts(requests) {
    for await (const request of requests) yield importOne(request);
  },
});
const { fullName, methods } = UserServiceDefinition;
const { bulkCreateUsers } = methods;
server.add(niceDefinition({ fullName, methods: { bulkCreateUsers } }), {
  async bulkCreateUsers(requests) {
    let createdCount = 0;
    for await (const { name } of requests) if (name !== "") createdCount += 1;
    return { createdCount, userIds: [] };
  },
});
announce(await server.listen("127.0.0.1:0"));
