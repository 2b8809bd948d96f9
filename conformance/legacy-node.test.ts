/** Do clients that load the former contract when they start still work, with all its methods? */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { preparedDataDir } from "@org/database/testing";
import { Client, credentials, status } from "@grpc/grpc-js";
import { loadSync, type MethodDefinition } from "@grpc/proto-loader";
import type { RunningServer } from "@org/kit";
import * as productService from "@org/product-service";
import * as userService from "@org/user-service";

const environment = {
  DATA_DIR: await preparedDataDir("product-service", "user-service"),
  GRPC_PORT: "0",
  LOG_LEVEL: "silent",
};

const definitions = loadSync(["product.proto", "user_service.proto"], {
  includeDirs: [join(import.meta.dirname, "legacy")],
  keepCase: true,
  longs: String,
});
const methods = new Map(
  Object.values(definitions)
    .flatMap((definition): unknown[] => Object.values(definition))
    .filter(isMethod)
    .map((method) => [method.path, method]),
);

const laptop = {
  id: "p001",
  name: "Laptop Pro X",
  description: "High-end laptop",
  price: 1500,
  category: "Electronics",
};

let servers: readonly RunningServer[] = [];
let products: Client;
let users: Client;

beforeAll(async () => {
  const [productServer, userServer] = await Promise.all([
    productService.startApp(productService.readConfig(environment), { signals: false }),
    userService.startApp(userService.readConfig(environment), { signals: false }),
  ]);
  servers = [productServer, userServer];
  products = new Client(productServer.target, credentials.createInsecure());
  users = new Client(userServer.target, credentials.createInsecure());
});

afterAll(async () => {
  products.close();
  users.close();
  await Promise.all(servers.map((server) => server.close()));
});

test("GetProduct answers with the product", async () => {
  expect(await unary("/product.ProductService/GetProduct", { product_id: "p001" })).toEqual(laptop);
});

test("GetProduct rounds the price as the former service did", async () => {
  const guide = await unary("/product.ProductService/GetProduct", { product_id: "p004" });
  expect(guide).toMatchObject({ name: "The Python Guide", price: Math.fround(45.99) });
});

test("GetProduct of an unknown product is NOT_FOUND, with a text", async () => {
  await expect(
    unary("/product.ProductService/GetProduct", { product_id: "p999" }),
  ).rejects.toMatchObject({ code: status.NOT_FOUND, details: 'no product has the id "p999"' });
});

test("ListProductsByCategory streams the products of a category, and none of an unknown one", async () => {
  const path = "/product.ProductService/ListProductsByCategory";
  const electronics = await serverStream(path, { category: "Electronics" });
  expect(electronics).toEqual([
    laptop,
    expect.objectContaining({ id: "p002", price: 75.5 }),
    expect.objectContaining({ id: "p003", price: 120 }),
  ]);
  expect(await serverStream(path, { category: "Groceries" })).toEqual([]);
});

test("CreateUser answers with the user, whom GetUser and ListUsers then find", async () => {
  const alice = { name: "Alice", email: "alice@example.com", age: 30 };
  const created = await unary("/users.UserService/CreateUser", alice);
  expect(created).toEqual({
    ...alice,
    id: expect.any(String),
    created_at: expect.stringMatching(/^\d{10}$/),
  });
  expect(await unary("/users.UserService/GetUser", { user_id: idOf(created) })).toEqual(created);
  expect(await serverStream("/users.UserService/ListUsers", { page_size: 1000 })).toContainEqual(
    created,
  );
});

test("CreateUser without a valid address is INVALID_ARGUMENT", async () => {
  await expect(
    unary("/users.UserService/CreateUser", { name: "Alice", email: "alice", age: 30 }),
  ).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
});

test("GetUser of an unknown user is NOT_FOUND, with a text", async () => {
  await expect(
    unary("/users.UserService/GetUser", { user_id: "nonexistent" }),
  ).rejects.toMatchObject({
    code: status.NOT_FOUND,
    details: 'no user has the id "nonexistent"',
  });
});

test("BulkCreateUsers answers with the count and the ids, and ListUsers stops at 10 by default", async () => {
  const count = 12;
  const requests = Array.from({ length: count }, (_, index) => ({
    name: `User ${index}`,
    email: `user${index}@example.com`,
    age: 25,
  }));
  const result = await clientStream("/users.UserService/BulkCreateUsers", requests);
  expect(result).toEqual({
    created_count: count,
    user_ids: requests.map((): unknown => expect.any(String)),
  });
  expect(await serverStream("/users.UserService/ListUsers", {})).toHaveLength(10);
});

test("BulkCreateUsers of nothing creates nothing", async () => {
  expect(await clientStream("/users.UserService/BulkCreateUsers", [])).toEqual({});
});

function isMethod(value: unknown): value is MethodDefinition<object, object> {
  return typeof value === "object" && value !== null && "requestSerialize" in value;
}

/** A method of the former contract, and the client of the service that has it. */
function callOf(path: string): [Client, MethodDefinition<object, object>] {
  const method = methods.get(path);
  if (method === undefined) throw new Error(`the former contract has no ${path}`);
  return [path.startsWith("/users.") ? users : products, method];
}

function unary(path: string, request: object): Promise<object> {
  const { promise, resolve, reject } = Promise.withResolvers<object>();
  const [client, { requestSerialize, responseDeserialize }] = callOf(path);
  client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) => {
    if (error === null && answer !== undefined) resolve(answer);
    else reject(error);
  });
  return promise;
}

async function serverStream(path: string, request: object): Promise<unknown[]> {
  const [client, { requestSerialize, responseDeserialize }] = callOf(path);
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
  const answers: unknown[] = [];
  for await (const answer of call) answers.push(answer);
  return answers;
}

function clientStream(path: string, requests: readonly object[]): Promise<object> {
  const { promise, resolve, reject } = Promise.withResolvers<object>();
  const [client, { requestSerialize, responseDeserialize }] = callOf(path);
  const call = client.makeClientStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    (error, answer) => {
      if (error === null && answer !== undefined) resolve(answer);
      else reject(error);
    },
  );
  for (const request of requests) call.write(request);
  call.end();
  return promise;
}

function idOf(user: object): unknown {
  return "id" in user ? user.id : undefined;
}
