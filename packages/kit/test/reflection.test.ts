import { create, fromBinary, fromJson, toBinary } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_descriptor,
  MethodOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "@jest/globals";
import { createClient, type MessageInput } from "../src/client-index.ts";
import { descriptorSet } from "../src/gen/descriptor.ts";
import {
  ServerReflectionDefinition,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from "../src/gen/grpc/reflection/v1/reflection.ts";
import { Code } from "../src/index.ts";
import { EchoDefinition } from "./echo.ts";
import { callAny, type EchoServer, failureOf, gather, startEcho } from "./echo-server.ts";

const descriptorFile = file_google_protobuf_descriptor.proto;
const optionsName = "shop/options.proto";
const shopName = "shop/v1/shop.proto";
const label = "LABEL_OPTIONAL";

/** Where the options of a method are extended, as a contract's own options do. */
const optionsFile = fromJson(FileDescriptorProtoSchema, {
  name: optionsName,
  package: "shop",
  syntax: "proto3",
  dependency: [descriptorFile.name],
  extension: [50_001, 50_002].map((number) => ({
    name: `policy_${number}`,
    extendee: ".google.protobuf.MethodOptions",
    number,
    label,
    type: "TYPE_STRING",
  })),
});

const shopFile = fromJson(FileDescriptorProtoSchema, {
  name: shopName,
  package: "shop.v1",
  syntax: "proto3",
  dependency: [optionsName],
  messageType: [
    {
      name: "Product",
      field: [{ name: "sku", number: 1, label, type: "TYPE_STRING", oneofIndex: 0 }],
      oneofDecl: [{ name: "identity" }],
      nestedType: [
        {
          name: "Size",
          field: [{ name: "width", number: 1, label, type: "TYPE_INT32" }],
          enumType: [{ name: "Unit", value: [{ name: "UNIT_UNSPECIFIED", number: 0 }] }],
        },
      ],
    },
  ],
  enumType: [{ name: "Color", value: [{ name: "COLOR_UNSPECIFIED", number: 0 }] }],
  service: [
    {
      name: "ShopService",
      method: [
        { name: "GetProduct", inputType: ".shop.v1.Product", outputType: ".shop.v1.Product" },
      ],
    },
  ],
});

/** `option (shop.policy_50001) = "admins only"`, and one that no file explains. */
const customOptions = [
  { no: 50_001, wireType: WireType.LengthDelimited, data: Buffer.from("\x0badmins only") },
  { no: 59_999, wireType: WireType.Varint, data: Buffer.of(7) },
];
for (const method of shopFile.service.flatMap((service) => service.method)) {
  method.options = create(MethodOptionsSchema);
  method.options.$unknown = customOptions;
}

function setOf(...file: FileDescriptorProto[]): Uint8Array {
  return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file }));
}

const shopSet = setOf(descriptorFile, optionsFile, shopFile);

function startShop(): Promise<EchoServer> {
  return startEcho({}, { descriptorSets: [shopSet] });
}

type Question = MessageInput<ServerReflectionRequest>["messageRequest"];

/** Asks all questions on one stream, and gathers what each was answered with. */
async function ask(
  { channel }: EchoServer,
  questions: readonly Question[],
  serviceName: string = ServerReflectionDefinition.fullName,
): Promise<ServerReflectionResponse["messageResponse"][]> {
  const client = createClient(ServerReflectionDefinition, { channel, serviceName });
  const requests = questions.map((messageRequest) => ({ host: "shop", messageRequest }));
  const responses = await gather(client.serverReflectionInfo(requests));
  expect(responses.map(({ validHost }) => validHost)).toEqual(requests.map(({ host }) => host));
  expect(responses.map(({ originalRequest }) => originalRequest?.messageRequest?.$case)).toEqual(
    questions.map((question) => question?.$case),
  );
  return responses.map(({ messageResponse }) => messageResponse);
}

/** The files of an answer, as they came. */
function filesOf(answer: ServerReflectionResponse["messageResponse"]): Buffer[] {
  expect(answer?.$case).toBe("fileDescriptorResponse");
  return answer?.$case === "fileDescriptorResponse" ? answer.value.fileDescriptorProto : [];
}

function namesOf(answer: ServerReflectionResponse["messageResponse"]): string[] {
  return filesOf(answer).map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

const withImports = [shopName, optionsName, descriptorFile.name];

describe.each(["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"])(
  "%s",
  (serviceName) => {
    test("lists the services, those of every server included", async () => {
      await using shop = await startShop();
      const answers = await ask(shop, [{ $case: "listServices", value: "" }], serviceName);
      expect(answers).toEqual([
        {
          $case: "listServicesResponse",
          value: {
            service: [
              { name: EchoDefinition.fullName },
              { name: "grpc.health.v1.Health" },
              { name: "grpc.reflection.v1.ServerReflection" },
            ],
          },
        },
      ]);
    });

    test("gives a file by its name, with all that it imports", async () => {
      await using shop = await startShop();
      const [answer] = await ask(shop, [{ $case: "fileByFilename", value: shopName }], serviceName);
      expect(namesOf(answer)).toEqual(withImports);
    });
  },
);

test.each([
  ["a message", "shop.v1.Product", shopName],
  ["a nested message", "shop.v1.Product.Size", shopName],
  ["a field", "shop.v1.Product.sku", shopName],
  ["a field of a nested message", "shop.v1.Product.Size.width", shopName],
  ["a oneof", "shop.v1.Product.identity", shopName],
  ["an enum", "shop.v1.Color", shopName],
  ["a value of an enum, in the scope around it", "shop.v1.COLOR_UNSPECIFIED", shopName],
  ["a nested enum", "shop.v1.Product.Size.Unit", shopName],
  ["a value of a nested enum", "shop.v1.Product.Size.UNIT_UNSPECIFIED", shopName],
  ["a service", "shop.v1.ShopService", shopName],
  ["a method", "shop.v1.ShopService.GetProduct", shopName],
  ["an extension", "shop.policy_50001", optionsName],
  ["what is imported", "google.protobuf.MethodOptions", descriptorFile.name],
  ["the health service", "grpc.health.v1.Health", "health/v1/health.proto"],
  [
    "reflection itself",
    "grpc.reflection.v1.ServerReflection",
    "grpc/reflection/v1/reflection.proto",
  ],
])("finds the file of %s", async (_name, value, file) => {
  await using shop = await startShop();
  const [answer] = await ask(shop, [{ $case: "fileContainingSymbol", value }]);
  expect(namesOf(answer)[0]).toBe(file);
});

test("finds extensions by what they extend", async () => {
  await using shop = await startShop();
  const containingType = "google.protobuf.MethodOptions";
  const [file, numbers, none] = await ask(shop, [
    { $case: "fileContainingExtension", value: { containingType, extensionNumber: 50_002 } },
    { $case: "allExtensionNumbersOfType", value: containingType },
    { $case: "allExtensionNumbersOfType", value: "shop.v1.Product" },
  ]);
  expect(namesOf(file)).toEqual([optionsName, descriptorFile.name]);
  expect(numbers).toEqual({
    $case: "allExtensionNumbersResponse",
    value: { baseTypeName: containingType, extensionNumber: [50_001, 50_002] },
  });
  expect(none).toEqual({
    $case: "allExtensionNumbersResponse",
    value: { baseTypeName: "shop.v1.Product", extensionNumber: [] },
  });
});

test("what is unknown is not found, and the stream goes on", async () => {
  await using shop = await startShop();
  const answers = await ask(shop, [
    { $case: "fileByFilename", value: "unknown.proto" },
    { $case: "fileContainingSymbol", value: "shop.v1.Unknown" },
    { $case: "fileContainingSymbol", value: "COLOR_UNSPECIFIED" },
    { $case: "fileContainingSymbol", value: "" },
    { $case: "fileContainingSymbol", value: "constructor" },
    {
      $case: "fileContainingExtension",
      value: { containingType: "google.protobuf.MethodOptions", extensionNumber: 1 },
    },
    { $case: "allExtensionNumbersOfType", value: "shop.v1.Unknown" },
    { $case: "fileByFilename", value: shopName },
  ]);
  const notFound = {
    $case: "errorResponse",
    value: { errorCode: Code.NOT_FOUND, errorMessage: expect.stringMatching(/^not found: /) },
  };
  expect(answers.slice(0, -1)).toEqual(answers.slice(0, -1).map(() => notFound));
  expect(namesOf(answers.at(-1))).toEqual(withImports);
});

test("a request that asks for nothing is told so", async () => {
  await using shop = await startShop();
  expect(await ask(shop, [undefined])).toMatchObject([
    { $case: "errorResponse", value: { errorCode: Code.INVALID_ARGUMENT } },
  ]);
});

test("a file is sent once on a stream, and again if it is asked for again", async () => {
  await using shop = await startShop();
  const answers = await ask(shop, [
    { $case: "fileByFilename", value: optionsName },
    { $case: "fileByFilename", value: shopName },
    { $case: "fileByFilename", value: shopName },
  ]);
  expect(answers.map(namesOf)).toEqual([
    [optionsName, descriptorFile.name],
    [shopName],
    [shopName],
  ]);
  // Another stream knows nothing of that.
  const [again] = await ask(shop, [{ $case: "fileByFilename", value: shopName }]);
  expect(namesOf(again)).toEqual(withImports);
});

test("custom options reach the client as they were compiled", async () => {
  await using shop = await startShop();
  const [answer] = await ask(shop, [{ $case: "fileByFilename", value: shopName }]);
  const [bytes = Buffer.of()] = filesOf(answer);
  expect(bytes.equals(toBinary(FileDescriptorProtoSchema, shopFile))).toBe(true);
  const [method] = fromBinary(FileDescriptorProtoSchema, bytes).service[0]?.method ?? [];
  expect(method?.options?.$unknown).toMatchObject([{ no: 50_001 }, { no: 59_999 }]);
  expect(bytes.includes("admins only")).toBe(true);
});

test("several sets may hold the same files", async () => {
  const descriptorSets = [setOf(descriptorFile, optionsFile), shopSet, descriptorSet];
  await using shop = await startEcho({}, { descriptorSets });
  const [answer] = await ask(shop, [{ $case: "fileByFilename", value: shopName }]);
  expect(namesOf(answer)).toEqual(withImports);
});

test("a set that lacks an import is refused when the server starts", async () => {
  await expect(startEcho({}, { descriptorSets: [setOf(shopFile)] })).rejects.toThrow(optionsName);
});

test("there is no reflection unless there is something to reflect", async () => {
  await using echo = await startEcho({});
  const error = await failureOf(ask(echo, [{ $case: "listServices", value: "" }]));
  expect(error.code).toBe(Code.UNIMPLEMENTED);
  expect((await failureOf(callAny(echo.client, "echo"))).code).toBe(Code.UNIMPLEMENTED);
});

test("an empty set reflects what every server has", async () => {
  await using echo = await startEcho({}, { descriptorSets: [] });
  const [answer] = await ask(echo, [
    { $case: "fileContainingSymbol", value: "grpc.health.v1.Health.Check" },
  ]);
  expect(namesOf(answer)).toEqual(["health/v1/health.proto"]);
});
