import { describe, expect, test } from "@jest/globals";
import {
  checkCreateUserRequest,
  type CreateUserRequest,
  ListUsersRequest_Order as WireOrder,
  User as WireUser,
} from "@org/contracts/user/v1";
import fc from "fast-check";
import { fromRequest, fromWireOrder, toWire } from "../src/handlers/mapping.ts";

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.constantFrom("", "\0", "\ud800", "a@b", "a@b@c", "__proto__"),
);

/** Any message that can come, wrong or right. */
const anyRequest: fc.Arbitrary<CreateUserRequest> = fc.record({
  name: anyText,
  email: anyText,
  age: int32,
  requestId: anyText,
});

function text(min: number, max: number, excluded = /\0/u): fc.Arbitrary<string> {
  const character = fc
    .string({ unit: "binary", minLength: 1, maxLength: 1 })
    .filter((c) => c.isWellFormed() && !excluded.test(c));
  return fc.array(character, { minLength: min, maxLength: max }).map((all) => all.join(""));
}

/** Any user that may be. */
const goodRequest: fc.Arbitrary<CreateUserRequest> = fc.record({
  name: text(1, 200),
  email: fc
    .tuple(text(1, 126, /[\s@\0]/u), text(1, 127, /[\s@\0]/u))
    .map((parts) => parts.join("@")),
  age: fc.integer({ min: 0, max: 150 }),
  requestId: text(0, 64),
});

describe("a request for a user", () => {
  test("keeps what it says", () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        expect(fromRequest(request)).toEqual(request);
      }),
    );
  });

  test("that may be has nothing wrong with it", () => {
    fc.assert(
      fc.property(goodRequest, (request) => {
        expect(checkCreateUserRequest(request)).toBeUndefined();
      }),
    );
  });
});

test("a user is sent with all that is known, its time in whole seconds", () => {
  const user = fc.record({
    id: fc.uuid({ version: 7 }),
    name: text(1, 20),
    email: text(1, 20),
    age: fc.integer({ min: 0, max: 150 }),
    createdAt: fc.date({ min: new Date(0), max: new Date("9999-12-31"), noInvalidDate: true }),
  });
  fc.assert(
    fc.property(user, ({ createdAt, ...content }) => {
      const bytes = WireUser.encode(toWire({ createdAt, ...content })).finish();
      expect(WireUser.decode(bytes)).toEqual({
        ...content,
        createdAt: BigInt(Math.floor(createdAt.getTime() / 1000)),
      });
    }),
  );
});

test("an order is one of two", () => {
  expect(fromWireOrder(WireOrder.ORDER_UNSPECIFIED)).toBe("oldestFirst");
  expect(fromWireOrder(WireOrder.ORDER_OLDEST_FIRST)).toBe("oldestFirst");
  expect(fromWireOrder(WireOrder.ORDER_NEWEST_FIRST)).toBe("newestFirst");
});
