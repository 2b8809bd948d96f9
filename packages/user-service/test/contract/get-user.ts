import { describe, expect, test } from "@jest/globals";
import { Code } from "@org/kit/client";
import type { TestService } from "../start-service.ts";
import { newUser } from "./messages.ts";

export function getUserContract(service: () => TestService): void {
  describe("GetUser", () => {
    test("answers with the user", async () => {
      const { users } = service();
      const user = await users.createUser(newUser());
      expect(await users.getUser({ userId: user.id })).toEqual(user);
    });

    test.each([
      ["that nobody has", (id: string) => id.replace(/.$/, (last) => (last === "0" ? "1" : "0"))],
      ["in capitals", (id: string) => id.toUpperCase()],
      ["without its hyphens", (id: string) => id.replaceAll("-", "")],
      ["in braces", (id: string) => `{${id}}`],
      ["with a space", (id: string) => `${id} `],
      ["with a line's end", (id: string) => `${id}\n`],
      ["with a NUL", (id: string) => `${id}\0`],
      ["with a lone surrogate", (id: string) => `\ud800${id}`],
      ["that is none", () => "42"],
      ["that every object has", () => "__proto__"],
      ["with an emoji", () => "🦊"],
      ["with SQL", (id: string) => `${id}' or '1'='1`],
      ["that is far too long", () => "é".repeat(2 ** 16)],
      ["of nobody", () => "00000000-0000-0000-0000-000000000000"],
      ["of everybody", () => "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    ])("answers an id %s with USER_NOT_FOUND", async (_, change) => {
      const { users } = service();
      const { id } = await users.createUser(newUser());
      const userId = change(id);
      await expect(users.getUser({ userId })).rejects.toMatchObject({
        code: Code.NOT_FOUND,
        reason: "USER_NOT_FOUND",
        violations: [],
      });
    });

    test("asks for an id", async () => {
      await expect(service().users.getUser({})).rejects.toMatchObject({
        code: Code.INVALID_ARGUMENT,
        violations: [{ field: "user_id", description: "must not be empty" }],
      });
    });
  });
}
