import { connect, constants } from "node:http2";
import { describe, expect, test } from "@jest/globals";
import { CreateUserRequest, UserServiceDefinition } from "@org/contracts/user/v1";
import { Code, createChannel, createClient } from "@org/kit/client";
import type { TestService } from "../start-service.ts";
import { allNames, newUser, unique } from "./messages.ts";

const path = `/${UserServiceDefinition.fullName}/BulkCreateUsers`;

/** A stream of users that breaks off must not look like one that has come to its end. */
export function abandonedBulkContract(
  service: () => TestService,
  /** Waits for all handlers, and starts again. */
  restart: () => Promise<void>,
): void {
  /** The users of that name, once the server has finished with all calls. */
  async function created(name: string): Promise<string[]> {
    await restart();
    return (await allNames(service())).filter((each) => each === name);
  }

  describe("BulkCreateUsers creates none where the stream breaks off", () => {
    const attempts = 10;

    const never = Promise.withResolvers<void>();

    test.each([
      ["without request ids", () => ""],
      ["with request ids", () => unique("request")],
    ])("because the client cancels, %s", async (_, requestId) => {
      const name = unique("name");
      for (let i = 0; i < attempts; i += 1) {
        const controller = new AbortController();
        async function* requests() {
          for (let row = 0; row < 5; row += 1) yield newUser({ name, requestId: requestId() });
          // By a call that comes back: by then the server has seen the rows.
          await service().users.listUsers({ pageSize: 1 }).next();
          controller.abort();
          await never.promise;
        }
        await expect(
          service().users.bulkCreateUsers(requests(), { signal: controller.signal }),
        ).rejects.toMatchObject({ code: Code.CANCELLED });
      }
      expect(await created(name)).toEqual([]);
    });

    test("because its deadline passes", async () => {
      const name = unique("name");
      async function* requests() {
        yield newUser({ name });
        await never.promise;
      }
      await expect(
        service().users.bulkCreateUsers(requests(), { timeoutMs: 200 }),
      ).rejects.toMatchObject({ code: Code.DEADLINE_EXCEEDED });
      expect(await created(name)).toEqual([]);
    });

    test("because the client's source of rows fails", async () => {
      const name = unique("name");
      const reason = new Error("the file is damaged");
      for (let i = 0; i < attempts; i += 1) {
        async function* requests() {
          yield newUser({ name });
          await service().users.listUsers({ pageSize: 1 }).next();
          throw reason;
        }
        await expect(service().users.bulkCreateUsers(requests())).rejects.toBe(reason);
      }
      expect(await created(name)).toEqual([]);
    });

    test("because the connection does", async () => {
      const name = unique("name");
      for (let i = 0; i < attempts; i += 1) {
        const session = connect(`http://${service().server.target}`);
        const stream = session.request({
          ":method": "POST",
          ":path": path,
          "content-type": "application/grpc",
          te: "trailers",
        });
        stream.on("error", () => undefined);
        stream.write(frame(newUser({ name })));
        await new Promise<void>((resolve) =>
          session.ping(() => {
            resolve();
          }),
        );
        session.destroy();
      }
      expect(await created(name)).toEqual([]);
    });

    test.each(["NGHTTP2_CANCEL", "NGHTTP2_INTERNAL_ERROR", "NGHTTP2_REFUSED_STREAM"] as const)(
      "because the stream is reset with %s",
      async (code) => {
        const name = unique("name");
        const session = connect(`http://${service().server.target}`);
        for (let i = 0; i < attempts; i += 1) {
          const stream = session.request({
            ":method": "POST",
            ":path": path,
            "content-type": "application/grpc",
            te: "trailers",
          });
          stream.on("error", () => undefined);
          stream.write(frame(newUser({ name })));
          await new Promise<void>((resolve) =>
            session.ping(() => {
              resolve();
            }),
          );
          stream.close(constants[code]);
        }
        await new Promise<void>((resolve) => session.close(resolve));
        expect(await created(name)).toEqual([]);
      },
    );
  });

  test("the client of a channel that is closed meanwhile gets an error, and none are created", async () => {
    const name = unique("name");
    const channel = createChannel({ target: service().server.target });
    const users = createClient(UserServiceDefinition, { channel });
    const controller = new AbortController();
    async function* requests() {
      yield newUser({ name });
      await users.listUsers({ pageSize: 1 }).next();
      channel.close();
      controller.abort();
      yield newUser({ name });
    }
    await expect(
      users.bulkCreateUsers(requests(), { signal: controller.signal }),
    ).rejects.toMatchObject({ code: Code.CANCELLED });
    expect(await created(name)).toEqual([]);
  });
}

function frame(request: CreateUserRequest): Buffer {
  const message = CreateUserRequest.encode(request).finish();
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
