import { describe, expect, test } from "@jest/globals";
import type { CreateUserRequest } from "@org/contracts/user/v1";
import { Code } from "@org/kit/client";
import type { TestService } from "../start-service.ts";
import { allNames, newUser, unique } from "./messages.ts";

/** What is wrong, by field; also for each row of a BulkCreateUsers. */
export const wrongUsers: readonly (readonly [
  what: string,
  change: Partial<CreateUserRequest>,
  field: string,
  description: string,
])[] = [
  ["no name", { name: "" }, "name", "must not be empty"],
  ["a long name", { name: "n".repeat(201) }, "name", "must be at most 200 characters"],
  [
    "a long name with emoji",
    { name: `${"🦊".repeat(100)}${"n".repeat(101)}` },
    "name",
    "must be at most 200 characters",
  ],
  ["a huge name", { name: "n".repeat(250_000) }, "name", "must be at most 200 characters"],
  ["a NUL in the name", { name: "a\0b" }, "name", "must not contain a NUL character"],
  ["no email", { email: "" }, "email", "must be an email address, such as alice@example.com"],
  ...[
    "alice",
    "@example.com",
    "alice@",
    "@",
    "alice@@example.com",
    "alice@example@com",
    "alice@exam ple.com",
    " alice@example.com",
    "alice@example.com\n",
    "alice\u00a0@example.com",
  ].map(
    (email) =>
      [
        `the email ${JSON.stringify(email)}`,
        { email },
        "email",
        "must be an email address, such as alice@example.com",
      ] as const,
  ),
  [
    "a long email",
    { email: `${"a".repeat(243)}@example.com` },
    "email",
    "must be at most 254 characters",
  ],
  ["a NUL in the email", { email: "a\0@b" }, "email", "must not contain a NUL character"],
  ["a negative age", { age: -1 }, "age", "must be 0 to 150"],
  ["a high age", { age: 151 }, "age", "must be 0 to 150"],
  ["the highest age", { age: 2 ** 31 - 1 }, "age", "must be 0 to 150"],
  ["the lowest age", { age: -(2 ** 31) }, "age", "must be 0 to 150"],
  [
    "a long request id",
    { requestId: "r".repeat(65) },
    "request_id",
    "must be at most 64 characters",
  ],
  [
    "a NUL in the request id",
    { requestId: "a\0" },
    "request_id",
    "must not contain a NUL character",
  ],
];

export function createUserContract(service: () => TestService): void {
  describe("CreateUser", () => {
    test("creates a user with an id and a time, and answers with it", async () => {
      const before = BigInt(Math.floor(Date.now() / 1000));
      const user = await service().users.createUser(newUser());
      const after = BigInt(Math.floor(Date.now() / 1000));
      expect(user).toEqual({
        id: expect.stringMatching(
          /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        ),
        name: "Alice",
        email: "alice@example.com",
        age: 30,
        createdAt: expect.any(BigInt),
      });
      expect(user.createdAt >= before && user.createdAt <= after).toBe(true);
      expect(await service().users.getUser({ userId: user.id })).toEqual(user);
    });

    test("creates another one with the same content", async () => {
      const { users } = service();
      const ids = new Set<string>();
      for (let i = 0; i < 3; i += 1) ids.add((await users.createUser(newUser())).id);
      expect(ids.size).toBe(3);
      expect([...ids]).toEqual([...ids].toSorted());
    });

    test.each<readonly [string, Partial<CreateUserRequest>]>([
      [
        "texts at their limits",
        {
          name: "n".repeat(200),
          email: `${"e".repeat(242)}@example.com`,
          requestId: "r".repeat(64),
        },
      ],
      [
        "emoji at their limits",
        {
          name: "🦊".repeat(200),
          email: `${"🦊".repeat(126)}@${"🦊".repeat(127)}`,
          requestId: "🦊".repeat(64),
        },
      ],
      ["the shortest texts", { name: " ", email: "a@b", requestId: "0" }],
      ["no age", { age: 0 }],
      ["the highest age", { age: 150 }],
      ["SQL", { name: "Robert'); drop table users; --", email: "'or'1'='1'@\\", requestId: "$1" }],
      [
        "names of JavaScript's",
        { name: "__proto__", email: "constructor@__proto__", requestId: "__proto__" },
      ],
      ["accents, composed and not", { name: "\u00e9 e\u0301", email: "\u00e9@e\u0301" }],
      [
        "texts from right to left, and control characters",
        { name: "\u202eمرحبا\u202c\u0001\u200b" },
      ],
    ])("keeps %s to the letter", async (_, change) => {
      const { users } = service();
      const request = newUser(change);
      const user = await users.createUser(request);
      const { name, email, age } = request;
      expect(user).toMatchObject({ name, email, age });
      expect(await users.getUser({ userId: user.id })).toEqual(user);
    });

    test("keeps what cannot be sent as what was sent in its place", async () => {
      const { users } = service();
      const user = await users.createUser(newUser({ name: "a\ud800", email: "\udfff@b" }));
      expect(await users.getUser({ userId: user.id })).toMatchObject({
        name: "a\ufffd",
        email: "\ufffd@b",
      });
    });

    test.each(wrongUsers)("refuses %s", async (_, change, field, description) => {
      await expect(service().users.createUser(newUser(change))).rejects.toMatchObject({
        code: Code.INVALID_ARGUMENT,
        violations: [{ field, description }],
      });
    });

    test("names everything that is wrong at once", async () => {
      const wrong = { name: "", email: "alice", age: 151, requestId: "\0" };
      await expect(service().users.createUser(wrong)).rejects.toMatchObject({
        code: Code.INVALID_ARGUMENT,
        violations: ["name", "email", "age", "request_id"].map((field) => ({ field })),
      });
    });
  });

  describe("CreateUser with a request id", () => {
    test("answers a repetition with the same user, however often", async () => {
      const { users } = service();
      const request = newUser({ name: unique("name"), requestId: unique("request") });
      const user = await users.createUser(request);
      for (let i = 0; i < 3; i += 1) expect(await users.createUser(request)).toEqual(user);
      const names = await allNames(service());
      expect(names.filter((name) => name === request.name)).toHaveLength(1);
    });

    test.each<Partial<CreateUserRequest>>([
      { name: "Bob" },
      { email: "bob@example.com" },
      { age: 31 },
      { name: "Alicealice", email: "@example.com".padStart(13, "x") },
    ])("refuses it for %j", async (change) => {
      const { users } = service();
      const request = newUser({ requestId: unique("request") });
      const user = await users.createUser(request);
      const before = await allNames(service());
      await expect(users.createUser({ ...request, ...change })).rejects.toMatchObject({
        code: Code.ALREADY_EXISTS,
        reason: "REQUEST_ID_REUSED",
        violations: [],
      });
      expect(await allNames(service())).toEqual(before);
      expect(await users.createUser(request)).toEqual(user);
    });

    test("answers 20 requests at the same time with one user", async () => {
      const request = newUser({ name: unique("name"), requestId: unique("request") });
      const users = await Promise.all(
        Array.from({ length: 20 }, () => service().users.createUser(request)),
      );
      const [first] = users;
      expect(users).toEqual(users.map(() => first));
      const names = await allNames(service());
      expect(names.filter((name) => name === request.name)).toHaveLength(1);
    });

    test("lets one of two different requests at the same time win", async () => {
      const requestId = unique("request");
      const outcomes = await Promise.allSettled(
        Array.from({ length: 10 }, (_, i) =>
          service().users.createUser(newUser({ name: `${requestId} ${i}`, requestId })),
        ),
      );
      const [won, ...others] = outcomes.filter(({ status }) => status === "fulfilled");
      expect(won).toMatchObject({ value: { name: expect.stringContaining(requestId) } });
      expect(others).toEqual([]);
      expect(outcomes.filter(({ status }) => status === "rejected")).toEqual(
        Array.from({ length: 9 }, () => ({
          status: "rejected",
          reason: expect.objectContaining({ code: Code.ALREADY_EXISTS }),
        })),
      );
    });

    test("takes a request id that failed for a new one", async () => {
      const { users } = service();
      const request = newUser({ requestId: unique("request") });
      await expect(users.createUser({ ...request, email: "" })).rejects.toMatchObject({
        code: Code.INVALID_ARGUMENT,
      });
      expect(await users.createUser(request)).toMatchObject({ email: request.email });
    });

    test("tells request ids apart by each character", async () => {
      const { users } = service();
      const requestId = unique("request");
      const variants = [
        requestId,
        ` ${requestId}`,
        requestId.toUpperCase(),
        `${requestId}\u00e9`,
        `${requestId}e\u0301`,
      ];
      const ids = new Set<string>();
      for (const variant of variants) {
        ids.add((await users.createUser(newUser({ requestId: variant }))).id);
      }
      expect(ids.size).toBe(variants.length);
    });
  });
}
