/** @grpc/grpc-js with the stubs that ts-proto generates for it, and nothing else. It honours backpressure. */
import { once } from "node:events";
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServerWritableStream,
} from "@grpc/grpc-js";
import {
  type GetProductRequest,
  type ImportProductsRequest,
  type ImportProductsResponse,
  type ListProductsByCategoryRequest,
  type Product,
  ProductServiceDefinition,
} from "@org/contracts/product/v1";
import {
  type BulkCreateUsersResponse,
  type CreateUserRequest,
  UserServiceDefinition,
} from "@org/contracts/user/v1";
import { announce } from "../support/announce.ts";
import { grpcJsDefinition } from "../support/grpc-js-definition.ts";
import { findProduct, importOne, productsIn } from "../support/work.ts";

const getProduct: handleUnaryCall<GetProductRequest, Product> = (call, callback) => {
  findProduct(call.request.productId).then((found) => {
    callback(null, found);
  }, callback);
};

const listProductsByCategory: handleServerStreamingCall<ListProductsByCategoryRequest, Product> = (
  call,
) => {
  void writeAll(call, productsIn(call.request.category));
};

async function writeAll(
  call: ServerWritableStream<ListProductsByCategoryRequest, Product>,
  products: readonly Product[],
): Promise<void> {
  for (const product of products) {
    if (!call.write(product)) await once(call, "drain");
  }
  call.end();
}

const importProducts: handleBidiStreamingCall<ImportProductsRequest, ImportProductsResponse> = (
  call,
) => {
  call.on("data", (request: ImportProductsRequest) => {
    if (call.write(importOne(request))) return;
    call.pause();
    call.once("drain", () => call.resume());
  });
  call.on("end", () => {
    call.end();
  });
};

const bulkCreateUsers: handleClientStreamingCall<CreateUserRequest, BulkCreateUsersResponse> = (
  call,
  callback,
) => {
  let createdCount = 0;
  call.on("data", ({ name }: CreateUserRequest) => {
    if (name !== "") createdCount += 1;
  });
  call.on("end", () => {
    callback(null, { createdCount, userIds: [] });
  });
};

const server = new Server();
server.addService(grpcJsDefinition(ProductServiceDefinition), {
  getProduct,
  listProductsByCategory,
  importProducts,
});
const {
  fullName,
  methods: { bulkCreateUsers: method },
} = UserServiceDefinition;
server.addService(grpcJsDefinition({ fullName, methods: { bulkCreateUsers: method } }), {
  bulkCreateUsers,
});
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  announce(port);
});
