/** @grpc/grpc-js with the stubs that ts-proto generates for it: neither deadlines nor retries of a contract. */
import { Client, credentials } from "@grpc/grpc-js";
import { GetProductRequest, Product } from "@org/contracts/product/v1";
import { answerParent, readArguments } from "../support/client-process.ts";

const { target } = readArguments();
const client = new Client(target, credentials.createInsecure());
const path = "/org.product.v1.ProductService/GetProduct";
const serialize = (request: GetProductRequest): Buffer =>
  Buffer.from(GetProductRequest.encode(request).finish());
const deserialize = (bytes: Buffer): Product => Product.decode(bytes);

answerParent({
  get: (productId) => {
    const { promise, resolve, reject } = Promise.withResolvers<Product>();
    client.makeUnaryRequest(path, serialize, deserialize, { productId }, (error, answer) => {
      if (error === null && answer !== undefined) resolve(answer);
      else reject(error ?? new Error("there is no answer"));
    });
    return promise;
  },
  idOf: ({ id }) => id,
  encode: (answer) => Product.encode(answer).finish(),
});
