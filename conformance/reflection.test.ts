/** Can a generic client, which knows nothing but an address, find and call all that is there? */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { preparedDataDir } from "@org/database/testing";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { descriptorSet } from "@org/contracts/descriptor";
import type { RunningServer } from "@org/kit";
import * as productService from "@org/product-service";
import * as userService from "@org/user-service";
import { bufCurl, bufCurlList } from "./support/buf-curl.ts";

const environment = {
  DATA_DIR: await preparedDataDir("product-service", "user-service"),
  GRPC_PORT: "0",
  LOG_LEVEL: "silent",
};

/** What each server has besides the contract. */
const common = [
  "grpc.health.v1.Health/Check",
  "grpc.health.v1.Health/List",
  "grpc.health.v1.Health/Watch",
  "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
];

/** The methods of the contract, as `package.Service/Method`. */
const contract = [...createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet))]
  .filter((type) => type.kind === "service")
  .flatMap(({ typeName, methods }) => methods.map(({ name }) => `${typeName}/${name}`));

const packages = { "product-service": "org.product.", "user-service": "org.user." } as const;
type ServerName = keyof typeof packages;
const serverNames = ["product-service", "user-service"] as const satisfies ServerName[];

/** The methods that a server has to have. */
function methodsOf(server: ServerName): string[] {
  return [
    ...contract.filter((method) => method.startsWith(packages[server])),
    ...common,
  ].toSorted();
}

/** A call of a method. */
interface Call {
  /** The messages to send. */
  readonly requests: readonly object[];
  /** What has to come back. */
  readonly answers: readonly unknown[];
  /** For a stream that does not end: it is left once all answers are there. */
  readonly endless?: boolean;
}

const anId: unknown = expect.stringMatching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
const aTime: unknown = expect.stringMatching(/^\d{10}$/);
const ada = { name: "Ada", email: "ada@example.com", age: 36, requestId: "reflection-ada" };
const adaAsAnswered = { name: "Ada", email: "ada@example.com", age: 36, createdAt: aTime };
const lamp = {
  id: "lamp",
  name: "Lamp",
  category: "Lights",
  unitPrice: { currencyCode: "EUR", units: "12", nanos: 500_000_000 },
};

/** One call of each method that a server has, by the method's name. Each can be made again and again. */
function callsOf(server: ServerName, adaId: string): Readonly<Record<string, Call>> {
  const service = methodsOf(server)
    .find((method) => method.startsWith("org."))
    ?.split("/")[0];
  const serving = { status: "SERVING" };
  return {
    "org.product.v1.ProductService/GetProduct": {
      requests: [{ productId: "p004" }],
      answers: [
        {
          id: "p004",
          name: "The Python Guide",
          description: "A book for Pythonistas",
          price: 45.99,
          category: "Books",
          unitPrice: { currencyCode: "USD", units: "45", nanos: 990_000_000 },
        },
      ],
    },
    "org.product.v1.ProductService/ListProductsByCategory": {
      requests: [{ category: "Electronics" }],
      answers: ["p001", "p002", "p003"].map((id): unknown => expect.objectContaining({ id })),
    },
    "org.product.v1.ProductService/ImportProducts": {
      requests: [
        { sequence: 1, upsert: lamp },
        { sequence: 2, upsert: lamp },
        { sequence: 3, upsert: { ...lamp, name: "" } },
        { sequence: 4, deleteProductId: lamp.id },
        { sequence: 5 },
      ],
      answers: [
        { sequence: "1", outcome: "OUTCOME_CREATED" },
        { sequence: "2", outcome: "OUTCOME_UNCHANGED" },
        {
          sequence: "3",
          outcome: "OUTCOME_REJECTED",
          violations: [
            { field: "upsert.name", description: "must not be empty", reason: "string.min_len" },
          ],
        },
        { sequence: "4", outcome: "OUTCOME_DELETED" },
        {
          sequence: "5",
          outcome: "OUTCOME_REJECTED",
          violations: [
            {
              field: "operation",
              description: "must be one of upsert, delete_product_id",
              reason: "required",
            },
          ],
        },
      ],
    },
    "org.user.v1.UserService/GetUser": {
      requests: [{ userId: adaId }],
      answers: [{ ...adaAsAnswered, id: adaId }],
    },
    "org.user.v1.UserService/CreateUser": {
      requests: [ada],
      answers: [{ ...adaAsAnswered, id: adaId }],
    },
    "org.user.v1.UserService/ListUsers": {
      requests: [{ pageSize: 1, order: "ORDER_OLDEST_FIRST" }],
      answers: [{ ...adaAsAnswered, id: adaId }],
    },
    "org.user.v1.UserService/BulkCreateUsers": {
      requests: [ada, { ...ada, requestId: "reflection-another" }, ada],
      answers: [{ createdCount: 3, userIds: [adaId, anId, adaId] }],
    },
    "grpc.health.v1.Health/Check": { requests: [{ service }], answers: [serving] },
    "grpc.health.v1.Health/List": {
      requests: [{}],
      // Among them the former name.
      answers: [{ statuses: expect.objectContaining({ "": serving, [String(service)]: serving }) }],
    },
    "grpc.health.v1.Health/Watch": { requests: [{ service }], answers: [serving], endless: true },
    "grpc.reflection.v1.ServerReflection/ServerReflectionInfo": {
      requests: [
        { listServices: "*" },
        { fileContainingSymbol: service },
        { fileByFilename: "google/type/money.proto" },
        { fileContainingSymbol: "org.nowhere.Nothing" },
      ],
      answers: [
        expect.objectContaining({
          listServicesResponse: {
            service: [service, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"].map(
              (name) => ({ name }),
            ),
          },
        }),
        expect.objectContaining({
          fileDescriptorResponse: { fileDescriptorProto: expect.any(Array) },
        }),
        expect.objectContaining({
          fileDescriptorResponse: { fileDescriptorProto: [expect.any(String)] },
        }),
        expect.objectContaining({
          errorResponse: { errorCode: 5, errorMessage: "not found: org.nowhere.Nothing" },
        }),
      ],
    },
  };
}

let servers: Readonly<Record<ServerName, RunningServer>>;
let adaId: string;

beforeAll(async () => {
  const [product, user] = await Promise.all([
    productService.startApp(productService.readConfig(environment), { signals: false }),
    userService.startApp(userService.readConfig(environment), { signals: false }),
  ]);
  servers = { "product-service": product, "user-service": user };
  const [created] = await bufCurl(`http://${user.target}/org.user.v1.UserService/CreateUser`, [
    ada,
  ]);
  adaId = idOf(created);
});

afterAll(() => Promise.all(Object.values(servers).map((server) => server.close())));

const served = serverNames.flatMap((server) =>
  methodsOf(server).map((method) => ({ server, method })),
);

test("each method of the contract has a server", () => {
  expect(served.map(({ method }) => method)).toEqual(expect.arrayContaining(contract));
});

describe.each(["grpc-v1", "grpc-v1alpha"] as const)("by reflection %s", (protocol) => {
  test.each(serverNames)("%s lists its services and methods", async (server) => {
    const methods = methodsOf(server);
    const services = [...new Set(methods.map((method) => method.split("/")[0]))];
    const { target } = servers[server];
    expect(await bufCurlList(target, "services", protocol)).toEqual(services);
    expect(await bufCurlList(target, "methods", protocol)).toEqual(methods);
  });

  test.each(served)("$server answers $method", async ({ server, method }) => {
    const { requests, answers, endless = false } = callFor(server, method);
    const url = `http://${servers[server].target}/${method}`;
    const received = await bufCurl(url, requests, {
      protocol,
      ...(endless && { enough: answers.length }),
    });
    expect(received).toEqual(answers);
  });
});

function callFor(server: ServerName, method: string): Call {
  const found = callsOf(server, adaId)[method];
  if (found === undefined) throw new Error(`this test has no call of ${method}: add one`);
  return found;
}

function idOf(user: unknown): string {
  if (typeof user === "object" && user !== null && "id" in user && typeof user.id === "string") {
    return user.id;
  }
  throw new Error("a user without an id");
}
