/** NestJS with its gRPC transport. Decorators are called as the functions that they are: Node runs this file as it is. */
// oxlint-disable-next-line import/no-unassigned-import -- Nest looks for what it adds to Reflect.
import "reflect-metadata";
import { createServer } from "node:net";
import { once } from "node:events";
import { loadFileDescriptorSetFromBuffer } from "@grpc/proto-loader";
import { Controller, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { GrpcMethod, GrpcStreamMethod, Transport } from "@nestjs/microservices";
import { descriptorSet } from "@org/contracts/descriptor";
import { ImportProductsResponse_Outcome, type Product } from "@org/contracts/product/v1";
import { count, filter, from, map, type Observable } from "rxjs";
import { announce } from "../support/announce.ts";
import { listeningPort } from "../support/listening-port.ts";
import { findProduct, productsIn } from "../support/work.ts";

/** As proto-loader has it: with the names of the .proto file, and numbers for 64 bits. */
const made = new Map<Product, object>();
function asMessage(product: Product): object {
  const { unitPrice, ...fields } = product;
  const message = made.get(product) ?? {
    ...fields,
    unit_price: {
      currency_code: unitPrice?.currencyCode,
      units: Number(unitPrice?.units),
      nanos: unitPrice?.nanos,
    },
  };
  made.set(product, message);
  return message;
}

class Products {
  async getProduct(request: { product_id: string }): Promise<object> {
    return asMessage(await findProduct(request.product_id));
  }

  listProductsByCategory({ category }: { category: string }): Observable<object> {
    return from(productsIn(category)).pipe(map(asMessage));
  }

  importProducts(requests: Observable<{ sequence: number }>): Observable<object> {
    const { OUTCOME_UPDATED: outcome } = ImportProductsResponse_Outcome;
    return requests.pipe(map(({ sequence }) => ({ sequence, outcome })));
  }
}

class Users {
  bulkCreateUsers(requests: Observable<{ name: string }>): Observable<object> {
    return requests.pipe(
      filter(({ name }) => name !== ""),
      count(),
      map((created_count) => ({ created_count })),
    );
  }
}

// oxlint-disable-next-line typescript/no-extraneous-class -- Nest's modules are such classes.
class App {}

function decorate(type: typeof Products | typeof Users, key: string, by: MethodDecorator): void {
  const descriptor = Object.getOwnPropertyDescriptor(type.prototype, key);
  if (descriptor === undefined) throw new Error(`there is no method ${key}`);
  by(type.prototype, key, descriptor);
  // It may have put another method into it.
  Object.defineProperty(type.prototype, key, descriptor);
}

decorate(Products, "getProduct", GrpcMethod("ProductService", "GetProduct"));
decorate(
  Products,
  "listProductsByCategory",
  GrpcMethod("ProductService", "ListProductsByCategory"),
);
decorate(Products, "importProducts", GrpcStreamMethod("ProductService", "ImportProducts"));
decorate(Users, "bulkCreateUsers", GrpcStreamMethod("UserService", "BulkCreateUsers"));
Controller()(Products);
Controller()(Users);
Module({ controllers: [Products, Users] })(App);

/** It does not tell which port it has taken. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = listeningPort(server);
  server.close();
  await once(server, "close");
  return port;
}

const port = await freePort();
const app = await NestFactory.createMicroservice(App, {
  transport: Transport.GRPC,
  options: {
    url: `127.0.0.1:${port}`,
    package: ["org.product.v1", "org.user.v1"],
    packageDefinition: loadFileDescriptorSetFromBuffer(Buffer.from(descriptorSet), {
      longs: Number,
    }),
  },
  logger: false,
});
await app.listen();
announce(port);
