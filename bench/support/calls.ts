import {
  GetProductRequest,
  ImportProductsRequest,
  ImportProductsResponse,
  ListProductsByCategoryRequest,
  Product,
} from "@org/contracts/product/v1";
import { BulkCreateUsersResponse, CreateUserRequest } from "@org/contracts/user/v1";
import { framed } from "./framing.ts";
import type { LoadCall } from "./load-connection.ts";
import {
  importOne,
  type Kind,
  messagesPerCall,
  product,
  productBy,
  productsIn,
  productsToImport,
  usersToCreate,
} from "./work.ts";

const products = "/org.product.v1.ProductService";
const users = "/org.user.v1.UserService";

/** GetProduct, of one id. */
export function getProductCall(id: string = product.id): LoadCall {
  const found = productBy(id);
  if (found === undefined) throw new Error(`there is no product ${id}`);
  return {
    path: `${products}/GetProduct`,
    headers: [],
    body: framed([GetProductRequest.encode({ productId: id }).finish()]),
    expected: framed([Product.encode(found).finish()]),
  };
}

/** ListProductsByCategory, of a category with that many products. */
export function listProductsCall(count: number = messagesPerCall): LoadCall {
  const category = `count-${count}`;
  return {
    path: `${products}/ListProductsByCategory`,
    headers: [],
    body: framed([ListProductsByCategoryRequest.encode({ category }).finish()]),
    expected: framed(productsIn(category).map((each) => Product.encode(each).finish())),
  };
}

/** One call of each kind, by gRPC. */
export const grpcCalls: Readonly<Record<Kind, LoadCall>> = {
  unary: getProductCall(),
  serverStream: listProductsCall(),
  clientStream: {
    path: `${users}/BulkCreateUsers`,
    headers: [],
    body: framed(usersToCreate().map((user) => CreateUserRequest.encode(user).finish())),
    expected: framed([
      BulkCreateUsersResponse.encode({ createdCount: messagesPerCall, userIds: [] }).finish(),
    ]),
  },
  bidi: {
    path: `${products}/ImportProducts`,
    headers: [],
    body: framed(productsToImport().map((each) => ImportProductsRequest.encode(each).finish())),
    expected: framed(
      productsToImport().map((each) => ImportProductsResponse.encode(importOne(each)).finish()),
    ),
  },
};

const ndjson = [["content-type", "application/x-ndjson"]] as const;

function lines(objects: readonly unknown[]): Buffer {
  return Buffer.from(objects.map((each) => `${JSON.stringify(each)}\n`).join(""));
}

/** One call of each kind, in JSON. What it expects is compared as JSON before its bytes are. */
export const jsonCalls: Readonly<Record<Kind, LoadCall>> = {
  unary: {
    path: `/v1/products/${product.id}`,
    headers: [],
    body: Buffer.alloc(0),
    expected: Buffer.from(JSON.stringify(Product.toJSON(product))),
  },
  serverStream: {
    path: `/v1/products?category=count-${messagesPerCall}`,
    headers: [],
    body: Buffer.alloc(0),
    expected: lines(productsIn(`count-${messagesPerCall}`).map((each) => Product.toJSON(each))),
  },
  clientStream: {
    path: "/v1/users/bulk",
    headers: ndjson,
    body: lines(usersToCreate().map((user) => CreateUserRequest.toJSON(user))),
    expected: Buffer.from(JSON.stringify({ createdCount: messagesPerCall })),
  },
  bidi: {
    path: "/v1/products/import",
    headers: ndjson,
    body: lines(
      productsToImport().map(({ sequence, operation }) => ({
        sequence: String(sequence),
        upsert: operation?.$case === "upsert" ? Product.toJSON(operation.value) : undefined,
      })),
    ),
    expected: lines(
      productsToImport().map((each) => ImportProductsResponse.toJSON(importOne(each))),
    ),
  },
};
