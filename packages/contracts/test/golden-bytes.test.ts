import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { describe, expect, test } from "@jest/globals";
import {
  type GetProductRequest,
  type ImportProductsRequest,
  type ImportProductsResponse,
  ImportProductsResponse_Outcome,
  type ListProductsByCategoryRequest,
  type Product,
} from "@org/contracts/product/v1";
import {
  type BulkCreateUsersResponse,
  type CreateUserRequest,
  type GetUserRequest,
  type ListUsersRequest,
  ListUsersRequest_Order,
  type User,
} from "@org/contracts/user/v1";
import { contractMessages } from "./contract.ts";
import { independentMessage } from "./independent-message.ts";

/** A message and the bytes that it has been on the wire from its first day on. */
interface Golden {
  readonly message: object;
  readonly bytes: Buffer;
}

/**
 * By each message's name, values that together set every field. The bytes were written by hand from
 * https://protobuf.dev/programming-guides/encoding: they change only with the contract, and a change
 * to those that are here breaks every client there is. A new field gets a new line, or a new value.
 */
const goldens: Readonly<Record<string, readonly Golden[]>> = {
  "org.product.v1.Product": [
    {
      message: {
        id: "p001",
        name: "Laptop",
        description: "13″",
        price: Math.fround(1299.99),
        category: "Electronics",
        unitPrice: { currencyCode: "EUR", units: 1299n, nanos: 990_000_000 },
      } satisfies Product,
      bytes: hex(
        "0a 04 70303031",
        "12 06 4c6170746f70",
        "1a 05 3133e280b3",
        "25 ae7fa244",
        "2a 0b 456c656374726f6e696373",
        "32 0e  0a 03 455552  10 930a  18 80e788d803",
      ),
    },
    {
      // Negative numbers take ten bytes, 32 bits or 64.
      message: {
        id: "",
        name: "",
        description: "",
        price: -Infinity,
        category: "",
        unitPrice: { currencyCode: "", units: -1n, nanos: -990_000_000 },
      } satisfies Product,
      bytes: hex("25 000080ff", "32 16  10 ffffffffffffffffff01  18 8099f7a7fcffffffff01"),
    },
  ],
  "org.product.v1.GetProductRequest": [
    { message: { productId: "p001" } satisfies GetProductRequest, bytes: hex("0a 04 70303031") },
  ],
  "org.product.v1.ListProductsByCategoryRequest": [
    {
      message: { category: "Books" } satisfies ListProductsByCategoryRequest,
      bytes: hex("0a 05 426f6f6b73"),
    },
  ],
  "org.product.v1.ImportProductsRequest": [
    {
      message: {
        sequence: 2n ** 63n - 1n,
        operation: {
          $case: "upsert",
          value: {
            id: "p001",
            name: "",
            description: "",
            price: 0,
            category: "Books",
            unitPrice: undefined,
          },
        },
      } satisfies ImportProductsRequest,
      bytes: hex("08 ffffffffffffffff7f", "12 0d  0a 04 70303031  2a 05 426f6f6b73"),
    },
    {
      message: {
        sequence: -(2n ** 63n),
        operation: { $case: "deleteProductId", value: "p001" },
      } satisfies ImportProductsRequest,
      bytes: hex("08 80808080808080808001", "1a 04 70303031"),
    },
    {
      // The chosen field of a oneof is sent even if it is empty.
      message: {
        sequence: 0n,
        operation: { $case: "deleteProductId", value: "" },
      } satisfies ImportProductsRequest,
      bytes: hex("1a 00"),
    },
  ],
  "org.product.v1.ImportProductsResponse": [
    {
      message: {
        sequence: 300n,
        outcome: ImportProductsResponse_Outcome.OUTCOME_REJECTED,
        violations: [
          {
            field: "upsert.name",
            description: "must not be empty",
            reason: "NAME_EMPTY",
            localizedMessage: { locale: "en", message: "Ada" },
          },
          { field: "", description: "", reason: "", localizedMessage: undefined },
        ],
      } satisfies ImportProductsResponse,
      bytes: hex(
        "08 ac02",
        "10 05",
        "1a 37  0a 0b 7570736572742e6e616d65  12 11 6d757374206e6f7420626520656d707479",
        "  1a 0a 4e414d455f454d505459  22 09  0a 02 656e  12 03 416461",
        "1a 00",
      ),
    },
  ],
  "org.user.v1.User": [
    {
      message: {
        id: "u1",
        name: "Ada",
        email: "ada@example.org",
        age: 42,
        createdAt: 1_700_000_000n,
      } satisfies User,
      bytes: hex(
        "0a 02 7531",
        "12 03 416461",
        "1a 0f 616461406578616d706c652e6f7267",
        "20 2a",
        "28 80e2cfaa06",
      ),
    },
    {
      message: { id: "", name: "", email: "", age: -1, createdAt: -1n } satisfies User,
      bytes: hex("20 ffffffffffffffffff01", "28 ffffffffffffffffff01"),
    },
  ],
  "org.user.v1.GetUserRequest": [
    { message: { userId: "u1" } satisfies GetUserRequest, bytes: hex("0a 02 7531") },
  ],
  "org.user.v1.CreateUserRequest": [
    {
      message: {
        name: "Ada",
        email: "ada@example.org",
        age: 42,
        requestId: "r1",
      } satisfies CreateUserRequest,
      bytes: hex("0a 03 416461", "12 0f 616461406578616d706c652e6f7267", "18 2a", "22 02 7231"),
    },
  ],
  "org.user.v1.ListUsersRequest": [
    {
      message: {
        pageSize: 1000,
        pageToken: "token",
        order: ListUsersRequest_Order.ORDER_NEWEST_FIRST,
      } satisfies ListUsersRequest,
      bytes: hex("08 e807", "12 05 746f6b656e", "18 02"),
    },
  ],
  "org.user.v1.BulkCreateUsersResponse": [
    {
      message: { createdCount: 2, userIds: ["u1", "u2"] } satisfies BulkCreateUsersResponse,
      bytes: hex("08 02", "12 02 7531", "12 02 7532"),
    },
  ],
};

test("every message of the contract has golden bytes, and nothing else has", () => {
  const names = contractMessages.map(({ name }) => name);
  expect(Object.keys(goldens).toSorted()).toEqual(names.toSorted());
});

describe.each(contractMessages)("$name", ({ name, descriptor, type }) => {
  const own = goldens[name] ?? [];

  test("has golden values that set every field", () => {
    const set = own.flatMap(({ bytes }) => {
      const message = reflect(descriptor, fromBinary(descriptor, bytes));
      return message.fields.filter((field) => message.isSet(field)).map((field) => field.name);
    });
    const all = descriptor.fields.map((field) => field.name);
    expect([...new Set(set)].toSorted()).toEqual(all.toSorted());
  });

  test("is encoded to its golden bytes", () => {
    for (const { message, bytes } of own) {
      expect(Buffer.from(type.encode(message).finish()).toString("hex")).toBe(
        bytes.toString("hex"),
      );
    }
  });

  test("is decoded from its golden bytes", () => {
    for (const { message, bytes } of own) expect(type.decode(bytes)).toEqual(message);
  });

  test("has the same golden bytes for an independent implementation", () => {
    for (const { message, bytes } of own) {
      const theirs = independentMessage(descriptor, message);
      expect(fromBinary(descriptor, bytes)).toEqual(theirs);
      expect(Buffer.from(toBinary(descriptor, theirs)).toString("hex")).toBe(bytes.toString("hex"));
    }
  });
});

/** Bytes, a line for each field; the spaces are for the reader. */
function hex(...lines: readonly string[]): Buffer {
  return Buffer.from(lines.join("").replaceAll(" ", ""), "hex");
}
