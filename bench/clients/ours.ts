/** Our client, with the contract's deadlines and retries. */
import { Product, ProductServiceDefinition } from "@org/contracts/product/v1";
import { createChannel, createClient } from "@org/kit/client";
import { answerParent, readArguments } from "../support/client-process.ts";

const { target, token } = readArguments();
const channel = createChannel({ target, services: [ProductServiceDefinition] });
const products = createClient(ProductServiceDefinition, {
  channel,
  ...(token !== "" && { token }),
});
answerParent({
  get: (productId) => products.getProduct({ productId }),
  idOf: ({ id }) => id,
  encode: (answer) => Product.encode(answer).finish(),
});
