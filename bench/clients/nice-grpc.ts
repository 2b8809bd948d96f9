/** nice-grpc with ts-proto's generic definitions: neither deadlines nor retries of a contract. */
import { Product, ProductServiceDefinition } from "@org/contracts/product/v1";
import { createChannel, createClient } from "nice-grpc";
import { answerParent, readArguments } from "../support/client-process.ts";
import { niceDefinition } from "../support/nice-definition.ts";

const { target } = readArguments();
const products = createClient(niceDefinition(ProductServiceDefinition), createChannel(target));
answerParent({
  get: (productId) => products.getProduct({ productId }),
  idOf: ({ id }) => id,
  encode: (answer) => Product.encode(answer).finish(),
});
