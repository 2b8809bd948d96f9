import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { describe, expect, test } from "@jest/globals";
import {
  BulkCreateUsersResponse,
  CreateUserRequest,
  User,
  UserServiceDefinition,
} from "@org/contracts/user/v1";
import { Code, createChannel, createClient, RpcError } from "@org/kit/client";
import type { TestService } from "../start-service.ts";
import { gather, newUser } from "./messages.ts";

interface Outcome {
  readonly error: RpcError | undefined;
  readonly answers: readonly Buffer[];
}

/** What a client in another language, of another version or of bad will can send. */
export function wireContract(service: () => TestService): void {
  describe("on the wire", () => {
    const bytes = (message: Buffer): Buffer => message;

    /** Calls a method with that many bytes for messages, whatever its kind. */
    async function send(method: string, ...messages: readonly Uint8Array[]): Promise<Outcome> {
      const client = new Client(service().server.target, credentials.createInsecure());
      const { promise, resolve } = Promise.withResolvers<ServiceError | undefined>();
      const answers: Buffer[] = [];
      const path = `/${UserServiceDefinition.fullName}/${method}`;
      const call = client.makeBidiStreamRequest(path, bytes, bytes);
      call.on("data", (answer: Buffer) => answers.push(answer));
      call.on("end", () => {
        resolve(undefined);
      });
      call.on("error", resolve);
      for (const message of messages) call.write(Buffer.from(message));
      call.end();
      const error = await promise;
      client.close();
      return { error: error && RpcError.fromStatus(error), answers };
    }

    test("a request without a message is refused", async () => {
      for (const method of ["GetUser", "CreateUser", "ListUsers"]) {
        expect(await send(method)).toMatchObject({
          error: { code: Code.UNIMPLEMENTED },
          answers: [],
        });
      }
    });

    test("a message that cannot be read ends the call, and only that", async () => {
      const nonsense = Buffer.from([0x0a, 0xff]);
      for (const method of ["GetUser", "CreateUser", "ListUsers", "BulkCreateUsers"]) {
        expect(await send(method, nonsense)).toMatchObject({
          error: { code: Code.INTERNAL },
          answers: [],
        });
      }
      expect(await service().users.createUser(newUser())).toMatchObject({ name: "Alice" });
    });

    test("fields of a later version are passed over", async () => {
      const later = Buffer.from([0xf2, 0x06, 0x01, 0x78]); // Field 110: "x".
      const request = Buffer.concat([CreateUserRequest.encode(newUser()).finish(), later]);
      const single = await send("CreateUser", request);
      expect(single.answers.map((answer) => User.decode(answer))).toMatchObject([
        { name: "Alice" },
      ]);
      const bulk = await send("BulkCreateUsers", request, request);
      expect(bulk.answers.map((answer) => BulkCreateUsersResponse.decode(answer))).toMatchObject([
        { createdCount: 2 },
      ]);
    });

    test.each([
      ["of a later version", [0x18, 0x03]],
      ["that is negative", [0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
      ["that is the highest", [0x18, 0xff, 0xff, 0xff, 0xff, 0x07]],
    ])("an order %s is refused", async (_, order) => {
      expect(await send("ListUsers", Buffer.from(order))).toMatchObject({
        error: {
          code: Code.INVALID_ARGUMENT,
          violations: [
            {
              field: "order",
              description:
                "must be one of ORDER_UNSPECIFIED, ORDER_OLDEST_FIRST, ORDER_NEWEST_FIRST",
            },
          ],
        },
        answers: [],
      });
    });

    test("a message above 256 KiB is refused", async () => {
      const channel = createChannel({
        target: service().server.target,
        services: [UserServiceDefinition],
      });
      const users = createClient(UserServiceDefinition, { channel });
      const huge = newUser({ name: "n".repeat(2 ** 18) });
      const refusal = { code: Code.RESOURCE_EXHAUSTED };
      await expect(users.createUser(huge)).rejects.toMatchObject(refusal);
      await expect(users.bulkCreateUsers([newUser(), huge])).rejects.toMatchObject(refusal);
      await expect(users.getUser({ userId: huge.name })).rejects.toMatchObject(refusal);
      await expect(gather(users.listUsers({ pageToken: huge.name }))).rejects.toMatchObject(
        refusal,
      );
      channel.close();
    });

    test("the former name of the service answers all its methods", async () => {
      const { channel } = service();
      const former = createClient(UserServiceDefinition, {
        channel,
        serviceName: "users.UserService",
      });
      const user = await former.createUser(newUser());
      expect(await former.getUser({ userId: user.id })).toEqual(user);
      expect(await former.bulkCreateUsers([newUser(), newUser()])).toMatchObject({
        createdCount: 2,
      });
      expect(await gather(former.listUsers({ pageSize: 3 }))).toHaveLength(3);
      await expect(former.getUser({ userId: "42" })).rejects.toMatchObject({
        code: Code.NOT_FOUND,
        reason: "USER_NOT_FOUND",
      });
    });
  });
}
