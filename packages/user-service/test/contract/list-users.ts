import { beforeAll, describe, expect, test } from "@jest/globals";
import { ListUsersRequest_Order as Order, type User } from "@org/contracts/user/v1";
import { Code } from "@org/kit/client";
import { createPageTokens } from "../../src/handlers/page-token.ts";
import type { TestService } from "../start-service.ts";
import { gather, newUser, page, pages } from "./messages.ts";

const orders = [
  ["ORDER_UNSPECIFIED", Order.ORDER_UNSPECIFIED],
  ["ORDER_OLDEST_FIRST", Order.ORDER_OLDEST_FIRST],
  ["ORDER_NEWEST_FIRST", Order.ORDER_NEWEST_FIRST],
] as const;

/** Has to be the first on its database: it wants to know everybody. */
export function listUsersContract(service: () => TestService): void {
  describe("ListUsers", () => {
    const count = 24;
    let oldestFirst: readonly User[] = [];

    function inOrder(order: Order): readonly User[] {
      return order === Order.ORDER_NEWEST_FIRST ? oldestFirst.toReversed() : oldestFirst;
    }

    async function create(name: string): Promise<User> {
      const user = await service().users.createUser(newUser({ name }));
      oldestFirst = [...oldestFirst, user];
      return user;
    }

    beforeAll(async () => {
      expect(await page(service(), 0)).toEqual({ users: [], tokens: [] });
      for (let i = 0; i < count; i += 1) await create(`User ${i}`);
    });

    test.each(orders)("streams all users in %s, whatever the size of a page", async (_, order) => {
      for (const size of [1, 5, 8, 12, 23, 24, 25, 1_000]) {
        const all = await pages(service(), size, order);
        expect(all.flatMap(({ users }) => users)).toEqual(inOrder(order));
        // None but the last is short, and an exact multiple needs no empty one.
        expect(all.map(({ users }) => users.length)).toEqual(
          Array.from({ length: Math.ceil(count / size) }, (__, i) =>
            Math.min(size, count - i * size),
          ),
        );
        expect(all.map(({ tokens }) => tokens.length)).toEqual(
          all.map((__, i) => (i < all.length - 1 ? 1 : 0)),
        );
      }
    });

    test("streams 10 where no size is given", async () => {
      const all = await pages(service(), 0);
      expect(all.map(({ users }) => users.length)).toEqual([10, 10, 4]);
    });

    test.each(orders)(
      "in %s, whoever is new neither repeats nor hides others",
      async (_, order) => {
        const before = inOrder(order);
        const seen: User[] = [];
        let token = "";
        do {
          const { users, tokens } = await page(service(), 5, token, order);
          seen.push(...users);
          token = tokens[0] ?? "";
          if (seen.length <= 20) await create(`New after ${seen.length}`);
        } while (token !== "" && seen.length < 100);
        expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
        expect(seen).toEqual(
          inOrder(order).filter((user) => seen.some(({ id }) => id === user.id)),
        );
        const ids = seen.map(({ id }) => id);
        expect(ids).toEqual(expect.arrayContaining(before.map(({ id }) => id)));
      },
    );

    test("answers a page again with the same", async () => {
      const first = await page(service(), 5);
      const token = first.tokens[0] ?? "";
      expect(await page(service(), 5, token)).toEqual(await page(service(), 5, token));
      expect(await page(service(), 5)).toEqual(first);
    });

    test("takes another size for the next page", async () => {
      const first = await page(service(), 2);
      const second = await page(service(), 7, first.tokens[0]);
      expect([...first.users, ...second.users]).toEqual(oldestFirst.slice(0, 9));
    });

    test("takes a token of the same order by its other name", async () => {
      const { tokens } = await page(service(), 2, "", Order.ORDER_UNSPECIFIED);
      const second = await page(service(), 2, tokens[0], Order.ORDER_OLDEST_FIRST);
      expect(second.users).toEqual(oldestFirst.slice(2, 4));
    });

    test.each([-1, -(2 ** 31), 1_001, 2 ** 31 - 1])("refuses a page of %i", async (pageSize) => {
      await expect(page(service(), pageSize)).rejects.toMatchObject({
        code: Code.INVALID_ARGUMENT,
        violations: [{ field: "page_size", description: "must be 0 to 1,000" }],
      });
    });

    const token = {
      field: "page_token",
      description: "must be a next-page-token of this service, for the same order",
    };

    test.each<readonly [string, (token: string) => string]>([
      [
        "of another service",
        () => createPageTokens(Buffer.alloc(32)).write("oldestFirst", oldestFirst[3]?.id ?? ""),
      ],
      ["that is cut", (good) => good.slice(0, -1)],
      ["that is longer", (good) => `${good}A`],
      ["with padding", (good) => `${good}=`],
      ["with a space", (good) => ` ${good}`],
      ["with a NUL", (good) => `${good}\0`],
      [
        "with its first letter changed",
        (good) => `${good.startsWith("B") ? "C" : "B"}${good.slice(1)}`,
      ],
      [
        "with its last letter changed",
        (good) => `${good.slice(0, -1)}${good.endsWith("A") ? "B" : "A"}`,
      ],
      ["that is a user's id", () => oldestFirst[3]?.id ?? ""],
      ["that is a number", () => "10"],
      ["that every object has", () => "__proto__"],
      ["with emoji", () => "🦊🦊"],
      ["that is far too long", (good) => good.repeat(2_000)],
    ])("refuses a token %s", async (_, change) => {
      const { tokens } = await page(service(), 5);
      await expect(page(service(), 5, change(tokens[0] ?? ""))).rejects.toMatchObject({
        code: Code.INVALID_ARGUMENT,
        violations: [token],
      });
    });

    test("refuses a token of the other order", async () => {
      for (const [from, to] of [
        [Order.ORDER_OLDEST_FIRST, Order.ORDER_NEWEST_FIRST],
        [Order.ORDER_NEWEST_FIRST, Order.ORDER_OLDEST_FIRST],
        [Order.ORDER_NEWEST_FIRST, Order.ORDER_UNSPECIFIED],
      ] as const) {
        const { tokens } = await page(service(), 5, "", from);
        await expect(page(service(), 5, tokens[0], to)).rejects.toMatchObject({
          code: Code.INVALID_ARGUMENT,
          violations: [token],
        });
      }
    });

    test("reads no token of a request that breaks a rule", async () => {
      await expect(page(service(), -1, "token")).rejects.toMatchObject({
        code: Code.INVALID_ARGUMENT,
        violations: [{ field: "page_size", rule: "int32.gte_lte" }],
      });
    });

    test("ends when its reader leaves", async () => {
      for await (const { id } of service().users.listUsers({})) {
        expect(id).toBe(oldestFirst[0]?.id);
        break;
      }
      expect(await gather(service().users.listUsers({}))).toHaveLength(10);
    });
  });
}
