import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { descriptorSet } from "@org/contracts/descriptor";
import { UserServiceDefinition } from "@org/contracts/user/v1";
import { Code, createLogger, implement, RpcError, serve } from "@org/kit";
import { ServerReflectionDefinition } from "@org/kit/reflection";
import { type Finished, jsonLines, runClient, type RunOptions, startClient } from "./run-client.ts";
import { type RunningService, startProductService } from "./services.ts";

let products: RunningService;
let users: RunningService;
const logger = createLogger({ name: "test", level: "silent" });

/** What these tests call: a method that is added to the contract is no matter of theirs. */
const { getUser, createUser, bulkCreateUsers, listUsers } = UserServiceDefinition.methods;
const definition = {
  fullName: UserServiceDefinition.fullName,
  methods: { getUser, createUser, bulkCreateUsers, listUsers },
} as const;

/** Creates nobody: it is here to be found behind the other target. */
const userCounter = implement(definition, {
  getUser: () => Promise.reject(new RpcError(Code.NOT_FOUND, "nobody is here")),
  createUser: () => Promise.reject(new RpcError(Code.UNAVAILABLE, "nobody is here")),
  async bulkCreateUsers(requests) {
    const userIds: string[] = [];
    for await (const { requestId } of requests) userIds.push(requestId);
    return { createdCount: userIds.length, userIds };
  },
  async *listUsers() {
    yield* [];
    const requestInfo = { requestId: "4bf92f3577b34da6", servingData: "" };
    const details = [{ type: "RequestInfo", value: requestInfo }] as const;
    throw new RpcError(Code.UNAVAILABLE, "the users cannot be reached", { details });
  },
});

beforeAll(async () => {
  [products, users] = await Promise.all([
    startProductService(),
    serve({ services: [userCounter], descriptorSets: [descriptorSet], logger, signals: false }),
  ]);
});

afterAll(async () => {
  await Promise.all([products.close(), users.close()]);
});

function environment(): Record<string, string> {
  return { PRODUCTS_TARGET: products.target, USERS_TARGET: users.target };
}

function call(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return runClient(["call", ...args], { ...options, env: { ...environment(), ...options.env } });
}

describe("any method can be called, whatever its kind:", () => {
  test("unary", async () => {
    const run = await call(["org.product.v1.ProductService/GetProduct", '{"productId": "p002"}']);
    expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: "" });
    expect(jsonLines(run.stdout)).toMatchObject([
      { id: "p002", unitPrice: { units: "75", nanos: 500_000_000 } },
    ]);
  });

  test("server streaming, by the service's short name", async () => {
    const run = await call(["ProductService/ListProductsByCategory", '{"category":"Electronics"}']);
    expect(jsonLines(run.stdout)).toMatchObject([{ id: "p001" }, { id: "p002" }, { id: "p003" }]);
  });

  test("client streaming, with an array, at the target of the other service", async () => {
    const bulk = [
      { name: "B", email: "b@x", request_id: "call-b" },
      { name: "C", email: "c@x", requestId: "call-c" },
    ];
    const run = await call(["UserService/BulkCreateUsers", JSON.stringify(bulk)]);
    expect(jsonLines(run.stdout)).toEqual([{ createdCount: 2, userIds: ["call-b", "call-c"] }]);
    const none = await call(["UserService/BulkCreateUsers", "[]"]);
    expect(none).toEqual({ code: 0, stdout: "{}\n", stderr: "" });
  });

  test("bidirectional, in turns: an answer comes while the input is still open", async () => {
    const child = startClient(["call", "ProductService/ImportProducts", "-"], environment());
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    for (const sequence of ["1", "9007199254740993"]) {
      child.stdin.write(`{"sequence":${sequence},"deleteProductId":"nothing"}\n`);
      const { value } = await answers.next();
      expect(JSON.parse(String(value))).toEqual({ sequence, outcome: "OUTCOME_UNCHANGED" });
    }
    child.stdin.end("\n[]\n");
    expect(await answers.next()).toMatchObject({ done: true });
    expect(child.exitCode ?? (await once(child, "exit"))[0]).toBe(0);
  });

  test("of any service at another target", async () => {
    const run = await call(["Health/Check", "-", "--target", users.target], {
      stdin: '{\n  "service": "org.user.v1.UserService"\n}\n',
    });
    expect(run).toEqual({ code: 0, stdout: '{"status":"SERVING"}\n', stderr: "" });
  });
});

test("a failed call is one of the service's statuses", async () => {
  const run = await call(["ProductService/GetProduct", '{"productId":"p999"}', "--json"]);
  expect({ code: run.code, stdout: run.stdout }).toEqual({ code: 1, stdout: "" });
  expect(jsonLines(run.stderr)).toMatchObject([
    { code: "NOT_FOUND", reason: "PRODUCT_NOT_FOUND", target: products.target },
  ]);
});

test("what does not exist is a wrong usage, and what does exist is listed", async () => {
  const order = `{"order":"NEWEST"}`;
  const cases = [
    [["Nope/Get", "{}"], /no service "Nope": the server has org\.product\.v1\.ProductService, /],
    [["constructor/__proto__", "{}"], /no service "constructor"/],
    [
      ["ProductService/Nope", "{}"],
      /no method "Nope": it has GetProduct, ListProductsByCategory, /,
    ],
    [["GetProduct", "{}"], /"GetProduct" names no method: it must be such as/],
    [
      ["ProductService/ImportProducts", '[{"upsert":{"unit_price":{"unit":1}}}]'],
      /^error: upsert\.unit_price: google\.type\.Money has no field "unit": it has currency_code, /,
    ],
    [["UserService/ListUsers", order], /Order has no value "NEWEST": it has ORDER_UNSPECIFIED, /],
    [["ProductService/GetProduct", '{"productId":5}'], /product_id.*expected string, got 5/],
    [["ProductService/GetProduct", "[{}]"], /GetProduct takes one message, not an array/],
    [["ProductService/GetProduct", "null"], /GetProductRequest must be a JSON object/],
    [["ProductService/GetProduct", "{"], /the request is not JSON: /],
    [["ProductService/GetProduct", ""], /the request is empty: it must be JSON/],
    [["ProductService/GetProduct"], /missing required argument 'json'/],
    [["X/Y", "{}", "--target", "http://x"], /"http:\/\/x" is no target/],
  ] as const;
  const runs = await Promise.all(cases.map(([args]) => call(args)));
  for (const [index, [args, message]] of cases.entries()) {
    expect([args, runs[index]]).toEqual([
      args,
      { code: 2, stdout: "", stderr: expect.stringMatching(message) },
    ]);
  }
});

test("a stream's input that is wrong in its middle ends the call", async () => {
  const run = await call(["ProductService/ImportProducts", "-"], {
    stdin: '{"sequence":1,"deleteProductId":"nothing"}\n{"sequence":}\n',
  });
  expect(run.code).toBe(2);
  expect(run.stderr).toMatch(/^error: line 2 of stdin is not JSON: /);
});

test("a service that nobody has started is named, and how to start it", async () => {
  const run = await call(["X/Y", "{}", "--target", "127.0.0.1:1"]);
  expect({ code: run.code, stdout: run.stdout }).toEqual({ code: 1, stdout: "" });
  expect(run.stderr).toMatch(
    /^UNAVAILABLE: No connection established.*\n {2}No service answers at/,
  );
  expect(run.stderr).toContain("127.0.0.1:1. `npm start` starts both services");
});

test("--timeout ends a call that nobody answers", async () => {
  const silent = createServer((socket) => void socket.resume()).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  const port = typeof address === "object" ? String(address?.port) : "";
  const run = await call(["X/Y", "{}", "--target", `127.0.0.1:${port}`, "--timeout", "200"]);
  expect(run.code).toBe(1);
  expect(run.stderr).toMatch(/^DEADLINE_EXCEEDED: /);
  silent.close();
});

test("an error's correlation id is shown", async () => {
  const env = { USERS_TARGET: users.target };
  const [text, json] = await Promise.all([
    runClient(["user", "list"], { env }),
    runClient(["user", "list", "--json"], { env }),
  ]);
  expect(text).toEqual({
    code: 1,
    stdout: "",
    stderr: [
      "UNAVAILABLE: the users cannot be reached",
      "  correlation id: 4bf92f3577b34da6",
      `  This is what ${users.target} says.`,
      "",
    ].join("\n"),
  });
  expect(jsonLines(json.stderr)).toMatchObject([{ correlationId: "4bf92f3577b34da6" }]);
});

test("reflection works where a server has v1alpha only, and sends one file at a time", async () => {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet));
  const sendFile = (
    name: string | undefined,
  ): { $case: "fileDescriptorResponse"; value: { fileDescriptorProto: Buffer[] } } => {
    const file = registry.getFile(name ?? "");
    const proto = file === undefined ? [] : [toBinary(FileDescriptorProtoSchema, file.proto)];
    return {
      $case: "fileDescriptorResponse",
      value: { fileDescriptorProto: proto.map((bytes) => Buffer.from(bytes)) },
    };
  };
  const asked: string[] = [];
  const alpha = implement(
    { ...ServerReflectionDefinition, fullName: "grpc.reflection.v1alpha.ServerReflection" },
    {
      async *serverReflectionInfo(requests) {
        for await (const { host, messageRequest } of requests) {
          const value = messageRequest?.value;
          if (messageRequest?.$case === "fileByFilename") asked.push(messageRequest.value);
          const messageResponse =
            messageRequest?.$case === "listServices"
              ? {
                  $case: "listServicesResponse" as const,
                  value: { service: [{ name: "org.product.v1.ProductService" }] },
                }
              : messageRequest?.$case === "fileContainingSymbol"
                ? sendFile(registry.getService(messageRequest.value)?.file.proto.name)
                : sendFile(typeof value === "string" ? value : undefined);
          yield { validHost: host, originalRequest: undefined, messageResponse };
        }
      },
    },
  );
  const server = await serve({ services: [alpha], logger, signals: false });
  const run = await call(["ProductService/GetProduct", '{"nope":1}', "--target", server.target]);
  await server.close();
  expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining("it has product_id") });
  expect(asked.toSorted()).toEqual([
    "buf/validate/validate.proto",
    "google/protobuf/descriptor.proto",
    "google/protobuf/duration.proto",
    "google/protobuf/field_mask.proto",
    "google/protobuf/timestamp.proto",
    "google/rpc/code.proto",
    "google/rpc/error_details.proto",
    "google/type/money.proto",
    "org/contract/v1/options.proto",
  ]);
});
