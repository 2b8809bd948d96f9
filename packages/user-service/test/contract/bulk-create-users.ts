import { describe, expect, test } from "@jest/globals";
import type { CreateUserRequest } from "@org/contracts/user/v1";
import { Code } from "@org/kit/client";
import type { TestService } from "../start-service.ts";
import { wrongUsers } from "./create-user.ts";
import { allNames, newUser, unique } from "./messages.ts";

export function bulkCreateUsersContract(service: () => TestService): void {
  /** How many users have that name. */
  async function countOf(name: string): Promise<number> {
    return (await allNames(service())).filter((each) => each === name).length;
  }

  function rows(count: number, name: string): CreateUserRequest[] {
    return Array.from({ length: count }, (_, age) => newUser({ name, age: age % 100 }));
  }

  describe("BulkCreateUsers", () => {
    test("creates all, and names them in the order they came", async () => {
      const { users } = service();
      const name = unique("name");
      const answer = await users.bulkCreateUsers(rows(50, name));
      expect(answer.createdCount).toBe(50);
      expect(answer.userIds).toHaveLength(50);
      expect(answer.userIds).toEqual(answer.userIds.toSorted());
      for (const [age, userId] of answer.userIds.entries()) {
        expect(await users.getUser({ userId })).toMatchObject({ name, age });
      }
      expect(await countOf(name)).toBe(50);
    });

    test("takes an empty stream for no users", async () => {
      expect(await service().users.bulkCreateUsers([])).toEqual({ createdCount: 0, userIds: [] });
    });

    test("creates none where the 1,000th is wrong, and names it", async () => {
      const name = unique("name");
      const requests = [...rows(999, name), newUser({ name, email: "alice" }), ...rows(500, name)];
      await expect(service().users.bulkCreateUsers(requests)).rejects.toMatchObject({
        code: Code.INVALID_ARGUMENT,
        violations: [
          {
            field: "requests[999].email",
            description: "must be an email address, such as alice@example.com",
          },
        ],
      });
      expect(await countOf(name)).toBe(0);
    });

    test("names all that are wrong, and everything that is wrong with each", async () => {
      const name = unique("name");
      const requests = rows(30, name);
      requests[0] = newUser({ name, age: 151 });
      requests[7] = newUser({ name: "", email: "" });
      requests[29] = newUser({ name, requestId: "r".repeat(65) });
      await expect(service().users.bulkCreateUsers(requests)).rejects.toMatchObject({
        code: Code.INVALID_ARGUMENT,
        violations: [
          { field: "requests[0].age" },
          { field: "requests[7].name" },
          { field: "requests[7].email" },
          { field: "requests[29].request_id" },
        ],
      });
      expect(await countOf(name)).toBe(0);
    });

    test.each(wrongUsers)("refuses %s", async (_, change, field, description) => {
      const name = unique("name");
      const requests = [newUser({ name }), newUser({ name, ...change })];
      await expect(service().users.bulkCreateUsers(requests)).rejects.toMatchObject({
        code: Code.INVALID_ARGUMENT,
        violations: [{ field: `requests[1].${field}`, description }],
      });
      expect(await countOf(name)).toBe(0);
    });

    test("reads no further once it has seen enough that is wrong", async () => {
      let sent = 0;
      function* endless() {
        for (;;) {
          sent += 1;
          yield newUser({ email: "" });
        }
      }
      await expect(service().users.bulkCreateUsers(endless())).rejects.toMatchObject({
        code: Code.INVALID_ARGUMENT,
        violations: expect.arrayContaining([
          {
            field: "requests[0].email",
            description: "must be an email address, such as alice@example.com",
            rule: "string.pattern",
          },
        ]),
      });
      expect(sent).toBeGreaterThanOrEqual(100);
    });
  });

  describe("BulkCreateUsers with request ids", () => {
    test("creates one user for what is repeated in it", async () => {
      const name = unique("name");
      const repeated = newUser({ name, requestId: unique("request") });
      const other = newUser({ name, requestId: unique("request") });
      const { createdCount, userIds } = await service().users.bulkCreateUsers([
        repeated,
        newUser({ name }),
        repeated,
        other,
        newUser({ name }),
        repeated,
      ]);
      expect(createdCount).toBe(6);
      expect(userIds[2]).toBe(userIds[0]);
      expect(userIds[5]).toBe(userIds[0]);
      expect(new Set(userIds).size).toBe(4);
      expect(await countOf(name)).toBe(4);
    });

    test("answers a repetition with the same users", async () => {
      const { users } = service();
      const name = unique("name");
      const requests = rows(20, name).map((row) => ({ ...row, requestId: unique("request") }));
      const first = await users.bulkCreateUsers(requests);
      expect(await users.bulkCreateUsers(requests)).toEqual(first);
      expect(await users.bulkCreateUsers(requests.toReversed())).toEqual({
        createdCount: 20,
        userIds: first.userIds.toReversed(),
      });
      const more = await users.bulkCreateUsers([newUser({ name }), ...requests]);
      expect(more.userIds.slice(1)).toEqual(first.userIds);
      expect(await countOf(name)).toBe(21);
    });

    test("knows the request ids of CreateUser, and the other way round", async () => {
      const { users } = service();
      const [one, two] = [1, 2].map(() => newUser({ requestId: unique("request") }));
      if (one === undefined || two === undefined) throw new Error("never");
      const single = await users.createUser(one);
      const bulk = await users.bulkCreateUsers([two, one]);
      expect(bulk.userIds[1]).toBe(single.id);
      expect(await users.createUser(two)).toMatchObject({ id: bulk.userIds[0] });
    });

    test("creates none where one was used for other content", async () => {
      const { users } = service();
      const name = unique("name");
      const used = newUser({ requestId: unique("request") });
      await users.createUser(used);
      const reused = { code: Code.ALREADY_EXISTS, reason: "REQUEST_ID_REUSED" };
      const requests = [
        newUser({ name }),
        newUser({ name, requestId: unique("request") }),
        { ...used, name },
      ];
      await expect(users.bulkCreateUsers(requests)).rejects.toMatchObject(reused);

      const requestId = unique("request");
      const twice = [newUser({ name, requestId }), newUser({ name, requestId, age: 31 })];
      await expect(users.bulkCreateUsers(twice)).rejects.toMatchObject(reused);
      expect(await countOf(name)).toBe(0);
      // What was refused has not used its request id.
      expect(await users.createUser(newUser({ requestId }))).toMatchObject({ age: 30 });
    });

    test("does not lock itself up with a stream of the same in another order", async () => {
      const { users } = service();
      const name = unique("name");
      const requests = rows(300, name).map((row) => ({ ...row, requestId: unique("request") }));
      const reversed = requests.toReversed();
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, i) =>
          users.bulkCreateUsers(i % 2 === 0 ? requests : reversed),
        ),
      );
      const [first] = answers;
      for (const [i, { userIds }] of answers.entries()) {
        expect(i % 2 === 0 ? userIds : userIds.toReversed()).toEqual(first?.userIds);
      }
      expect(await countOf(name)).toBe(300);
    });
  });

  // Last, as everybody is counted again and again above.
  describe("BulkCreateUsers, many", () => {
    test("creates 5,000 at once", async () => {
      const name = unique("name");
      const { createdCount, userIds } = await service().users.bulkCreateUsers(rows(5_000, name));
      expect(createdCount).toBe(5_000);
      expect(new Set(userIds).size).toBe(5_000);
      expect(await countOf(name)).toBe(5_000);
    });
  });
}
