/** @connectrpc/connect-node by gRPC's protocol: neither deadlines nor retries of a contract. */
import { toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { answerParent, readArguments } from "../support/client-process.ts";
import { productSchema, productService } from "../support/connect-contract.ts";

const { target } = readArguments();
const transport = createGrpcTransport({ baseUrl: `http://${target}` });
const products = createClient(productService, transport);
answerParent({
  get: (productId) => products.getProduct({ productId }),
  idOf: ({ id }) => id,
  encode: (answer) => toBinary(productSchema, answer),
});
