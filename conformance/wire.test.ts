/**
 * What comes back for bytes that no gRPC library sends, and for those it rarely does. Where a
 * specification names the status, it is cited as "statuscodes"
 * (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md), "http2" (…/doc/PROTOCOL-HTTP2.md) or
 * "compression" (…/doc/compression.md). Where it does not, the test pins what grpc-js does.
 */
import { constants } from "node:http2";
import { deflateSync, gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { Code } from "@org/kit/client";
import { GetProductRequest, ImportProductsRequest, Product } from "@org/contracts/product/v1";
import { BulkCreateUsersResponse, CreateUserRequest } from "@org/contracts/user/v1";
import { connectRaw, frame, type RawCall, type RawConnection } from "./support/raw-grpc.ts";
import { type ServiceProcess, startService } from "./support/service-process.ts";

const getProduct = "/org.product.v1.ProductService/GetProduct";
const listProducts = "/org.product.v1.ProductService/ListProductsByCategory";
const importProducts = "/org.product.v1.ProductService/ImportProducts";
const listUsers = "/org.user.v1.UserService/ListUsers";
const bulkCreateUsers = "/org.user.v1.UserService/BulkCreateUsers";

const p001 = GetProductRequest.encode({ productId: "p001" }).finish();
/** What the contract says of all methods, by saying nothing. */
const limit = 256 * 1024;

let services: readonly ServiceProcess[] = [];
let products: RawConnection;
let users: RawConnection;

beforeAll(async () => {
  services = await Promise.all([
    startService({ name: "product-service", dataDir: "memory://" }),
    startService({ name: "user-service", dataDir: "memory://" }),
  ]);
  const [product, user] = await Promise.all(services.map(({ target }) => connectRaw(target)));
  if (product === undefined || user === undefined) throw new Error("not connected");
  products = product;
  users = user;
});

// Which ends the connections as well.
afterAll(() => Promise.all(services.map((service) => service[Symbol.asyncDispose]())));

afterEach(expectNoHarm);

/**
 * Whatever a test has sent: the next good call on the same connection is answered as ever, and nothing
 * was logged as a defect of the service's own.
 */
async function expectNoHarm(): Promise<void> {
  const product = await products.call({ path: getProduct, body: frame(p001) });
  expect(product).toMatchObject({ httpStatus: 200, status: Code.OK });
  expect(product.messages.map((bytes) => Product.decode(bytes).name)).toEqual(["Laptop Pro X"]);
  const list = await users.call({ path: listUsers, body: frame(new Uint8Array()) });
  expect(list).toMatchObject({ httpStatus: 200, status: Code.OK });
  expect(services.flatMap(({ log }) => log).filter(({ level }) => level >= 40)).toEqual([]);
}

interface Case {
  readonly title: string;
  readonly call: RawCall;
  readonly status: Code;
  readonly text?: string;
}

const withHeader = (
  name: string,
  value: string | undefined,
  body: Uint8Array = frame(p001),
): RawCall => ({
  path: getProduct,
  body,
  headers: { [name]: value },
});

const refused: readonly Case[] = [
  // statuscodes: request cardinality violation.
  {
    title: "a unary call without a message",
    call: { path: getProduct },
    status: Code.UNIMPLEMENTED,
    text: "no request message",
  },
  {
    title: "a unary call with two messages",
    call: { path: getProduct, body: Buffer.concat([frame(p001), frame(p001)]) },
    status: Code.UNIMPLEMENTED,
    text: "second request message",
  },
  {
    title: "a server stream without a message",
    call: { path: listProducts },
    status: Code.UNIMPLEMENTED,
    text: "no request message",
  },
  {
    title: "a server stream with two messages",
    call: { path: listProducts, body: Buffer.concat([frame(p001), frame(p001)]) },
    status: Code.UNIMPLEMENTED,
    text: "second request message",
  },
  {
    title: "a message that is cut short",
    call: { path: getProduct, body: frame(p001).subarray(0, -1) },
    status: Code.UNIMPLEMENTED,
    text: "no request message: it ended in the middle of one",
  },
  {
    title: "a message whose length is cut short",
    call: { path: getProduct, body: frame(p001).subarray(0, 3) },
    status: Code.UNIMPLEMENTED,
    text: "no request message: it ended in the middle of one",
  },

  // statuscodes: method not found at server.
  {
    title: "a method that its service does not have",
    call: { path: "/org.product.v1.ProductService/DeleteEverything", body: frame(p001) },
    status: Code.UNIMPLEMENTED,
    text: "does not implement the method /org.product.v1.ProductService/DeleteEverything",
  },
  {
    title: "a method of a service that lives elsewhere",
    call: { path: listUsers, body: frame(p001) },
    status: Code.UNIMPLEMENTED,
    text: "does not implement the method",
  },
  {
    title: "a method's name in another case, since names are case-sensitive (http2)",
    call: { path: getProduct.toLowerCase(), body: frame(p001) },
    status: Code.UNIMPLEMENTED,
    text: "does not implement the method",
  },

  // statuscodes: error parsing request proto.
  {
    title: "a field that is longer than its message",
    call: { path: getProduct, body: frame(Buffer.from([0x0a, 0x05, 0x41])) },
    status: Code.INTERNAL,
    text: "the request cannot be decoded",
  },
  {
    title: "a field with a wire type that does not exist",
    call: { path: getProduct, body: frame(Buffer.from([0x0f])) },
    status: Code.INTERNAL,
    text: "the request cannot be decoded",
  },
  {
    title: "bytes that are no protobuf, on a server stream",
    call: { path: listProducts, body: frame(Buffer.alloc(64, 0xff)) },
    status: Code.INTERNAL,
    text: "the request cannot be decoded",
  },
  {
    title: "bytes that are no protobuf, on a bidirectional stream that stays open",
    call: { path: importProducts, body: frame(Buffer.alloc(64, 0xff)), keepOpen: true },
    status: Code.INTERNAL,
    text: "a request cannot be decoded",
  },

  // statuscodes: received message was larger than configured limit. Before its bytes come.
  {
    title: "a declared length of 4 GiB",
    call: { path: getProduct, body: frame(p001, { length: 0xff_ff_ff_ff }), keepOpen: true },
    status: Code.RESOURCE_EXHAUSTED,
    text: "the request has 4294967295 bytes; the method takes 262144",
  },
  {
    title: "a declared length of one byte too much, on a bidirectional stream",
    call: { path: importProducts, body: frame(p001, { length: limit + 1 }), keepOpen: true },
    status: Code.RESOURCE_EXHAUSTED,
    text: "the request has 262145 bytes; the method takes 262144",
  },
  {
    title: "64 MiB of zeros in 64 KiB of gzip",
    call: withHeader(
      "grpc-encoding",
      "gzip",
      frame(gzipSync(Buffer.alloc(64 * 1024 * 1024)), { flag: 1 }),
    ),
    status: Code.RESOURCE_EXHAUSTED,
    text: "the request has more bytes once it is decompressed; the method takes 262144",
  },

  // compression, test case 6: "set but lacking a grpc-encoding entry".
  ...["identity", undefined].map((encoding) => ({
    title: `a compressed flag with grpc-encoding ${String(encoding)}`,
    call: withHeader("grpc-encoding", encoding, frame(p001, { flag: 1 })),
    status: Code.INTERNAL,
    text: "the request is compressed, but grpc-encoding does not say how",
  })),

  // statuscodes: compression mechanism used by client not supported at server.
  {
    title: "a message in a compression that is unknown",
    call: withHeader("grpc-encoding", "snappy", frame(p001, { flag: 1 })),
    status: Code.UNIMPLEMENTED,
    text: 'unsupported encoding "snappy"',
  },
  // statuscodes: could not decompress, but compression algorithm supported.
  {
    title: "bytes that are no gzip, declared as gzip",
    call: withHeader("grpc-encoding", "gzip", frame(p001, { flag: 1 })),
    status: Code.INTERNAL,
    text: "the request cannot be decompressed",
  },

  // The text of a status names the id. Peers limit trailers to 8 KiB (http2), and Node drops the whole
  // connection from 64 KiB on.
  {
    title: "an id of 200 kB",
    call: {
      path: getProduct,
      body: frame(GetProductRequest.encode({ productId: "\u0001".repeat(200_000) }).finish()),
    },
    status: Code.NOT_FOUND,
    text: "no product has the id",
  },

  // http2: a positive integer of at most 8 digits, and a unit. statuscodes has no row for others.
  ...["abc", "", "1", "1x", "S"].map((value) => ({
    title: `grpc-timeout ${JSON.stringify(value)}`,
    call: withHeader("grpc-timeout", value),
    status: Code.INTERNAL,
    text: `Invalid grpc-timeout value "${value}"`,
  })),
  // statuscodes: deadline expires before server returns status. The stream asks for nothing yet.
  {
    title: "a stream that is open for longer than its grpc-timeout",
    call: { path: importProducts, headers: { "grpc-timeout": "1m" }, keepOpen: true },
    status: Code.DEADLINE_EXCEEDED,
    text: "the deadline passed",
  },
];

test.each(refused)("$title is refused", async ({ call, status, text = "" }) => {
  const answer = await products.call(call);
  expect(answer).toMatchObject({ httpStatus: 200, status, messages: [] });
  expect(answer.text).toContain(text);
});

const answered: readonly { readonly title: string; readonly call: RawCall }[] = [
  {
    title: "a gzipped message",
    call: withHeader("grpc-encoding", "gzip", frame(gzipSync(p001), { flag: 1 })),
  },
  {
    title: "a deflated message",
    call: withHeader("grpc-encoding", "deflate", frame(deflateSync(p001), { flag: 1 })),
  },
  {
    title: "an uncompressed message on a stream that declares an unknown compression",
    call: withHeader("grpc-encoding", "snappy"),
  },
  {
    title: "fields that the contract does not have: a varint, a text, a group",
    call: {
      path: getProduct,
      body: frame(
        Buffer.concat([
          p001,
          Buffer.from([0xf8, 0x07, 0x2a]),
          Buffer.from([0xfa, 0x07, 0x01, 0x41]),
          Buffer.from([0xfb, 0x07, 0xfc, 0x07]),
        ]),
      ),
    },
  },
  {
    title: "a field that comes twice, of which the last counts",
    call: {
      path: getProduct,
      body: frame(Buffer.concat([GetProductRequest.encode({ productId: "p999" }).finish(), p001])),
    },
  },
  // http2: "used to detect incompatible proxies". grpc-js does not look at it, as few servers do.
  { title: "a call without te", call: withHeader("te", undefined) },
  ...["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"].map(
    (value) => ({ title: `content-type ${value}`, call: withHeader("content-type", value) }),
  ),
  ...["1H", "1M", "5S", "5000m", "5000000u", "99999999n"].map((value) => ({
    title: `grpc-timeout ${value}`,
    call: withHeader("grpc-timeout", value),
  })),
];

test.each(answered)("$title is answered", async ({ call }) => {
  const { httpStatus, status, messages } = await products.call(call);
  expect({ httpStatus, status }).toEqual({ httpStatus: 200, status: Code.OK });
  expect(messages.map((bytes) => Product.decode(bytes).id)).toEqual(["p001"]);
});

// http2: "gRPC servers SHOULD respond with HTTP status of 415".
test.each([
  ...["application/json", "text/plain", "application/x-protobuf", undefined],
  ...["application/grpc+json", "application/grpc-web", "application/grpc-web+proto"],
])("content-type %s is answered with HTTP 415", async (contentType) => {
  const answer = await products.call(withHeader("content-type", contentType));
  expect(answer).toMatchObject({ httpStatus: 415, status: undefined, messages: [] });
});

// http2: "Method → :method POST".
test.each(["GET", "PUT"])("%s is answered with HTTP 405", async (method) => {
  const answer = await products.call(withHeader(":method", method));
  expect(answer).toMatchObject({ httpStatus: 405, status: undefined, messages: [] });
});

test("a path that is none resets that stream alone (RFC 9113, 8.3.1)", async () => {
  await expect(products.call({ path: "GetProduct", body: frame(p001) })).rejects.toThrow(
    "NGHTTP2_PROTOCOL_ERROR",
  );
});

test("an enum value that the contract does not have is refused by its rule", async () => {
  const order = Buffer.from([0x18, 0x63]);
  const answer = await users.call({ path: listUsers, body: frame(order) });
  expect(answer).toMatchObject({ httpStatus: 200, status: Code.INVALID_ARGUMENT });
  expect(answer.text).toBe(
    "order: must be one of ORDER_UNSPECIFIED, ORDER_OLDEST_FIRST, ORDER_NEWEST_FIRST",
  );
});

test("an operation that the contract does not have is rejected, and the import goes on", async () => {
  const unknown = Buffer.from([0x08, 0x01, 0xfa, 0x07, 0x01, 0x41]);
  const known = ImportProductsRequest.encode({
    sequence: 2n,
    operation: { $case: "deleteProductId", value: "absent" },
  }).finish();
  const { status, messages } = await products.call({
    path: importProducts,
    body: Buffer.concat([frame(unknown), frame(known)]),
  });
  expect(status).toBe(Code.OK);
  expect(messages.map((bytes) => bytes.toString("latin1").slice(0, 4))).toEqual([
    "\x08\x01\x10\x05",
    "\x08\x02\x10\x03",
  ]);
});

test("messages that come byte by byte are put together", async () => {
  const { stream, answer } = users.open({ path: bulkCreateUsers });
  const body = Buffer.concat(
    ["Ada", "Grace"].map((name) =>
      frame(
        CreateUserRequest.encode({ name, email: "a@example.com", age: 36, requestId: "" }).finish(),
      ),
    ),
  );
  for (const byte of body) stream.write(Buffer.from([byte]));
  stream.end();
  const { status, messages } = await answer;
  expect(status).toBe(Code.OK);
  expect(messages.map((bytes) => BulkCreateUsersResponse.decode(bytes).createdCount)).toEqual([2]);
});

test("no message and a message of no bytes are not the same", async () => {
  const none = await users.call({ path: bulkCreateUsers });
  expect(none.status).toBe(Code.OK);
  expect(none.messages.map((bytes) => BulkCreateUsersResponse.decode(bytes).createdCount)).toEqual([
    0,
  ]);
  const empty = await users.call({ path: bulkCreateUsers, body: frame(new Uint8Array()) });
  expect(empty.status).toBe(Code.INVALID_ARGUMENT);
  expect(empty.text).toContain("requests[0].name: must not be empty");
});

test("streams that their client resets in the middle of a message leave the others alone", async () => {
  const half = frame(p001, { length: 1000 });
  const streams = Array.from({ length: 100 }, () =>
    products.open({ path: importProducts, body: half }),
  );
  await products.ping();
  for (const { stream } of streams) stream.close(constants.NGHTTP2_CANCEL);
  const settled = await Promise.allSettled(streams.map(({ answer }) => answer));
  expect(settled.map(({ status }) => status)).toEqual(streams.map(() => "rejected"));
});

// http2, "Request": the body is whole messages.
test("a stream that ends in the middle of a message is refused, and what was complete is not kept", async () => {
  const ada = { name: "Ada", email: "cut-short@example.com", age: 36, requestId: "" };
  const whole = frame(CreateUserRequest.encode(ada).finish());
  const answer = await users.call({
    path: bulkCreateUsers,
    body: Buffer.concat([whole, whole.subarray(0, -1)]),
  });
  expect(answer).toMatchObject({ httpStatus: 200, status: Code.INTERNAL, messages: [] });
  expect(answer.text).toBe("the stream of requests ended in the middle of a message");
});

// http2, "Timeout": 99,999,999 hours are more milliseconds than a timer of Node.js has.
test.each(["1000H", "99999999H", "99999999M", "99999999S"])(
  "a grpc-timeout of %s has not passed",
  async (timeout) => {
    const answer = await products.call(withHeader("grpc-timeout", timeout));
    expect(answer).toMatchObject({ httpStatus: 200, status: Code.OK });
  },
);
