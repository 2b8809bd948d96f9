import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { describe, expect, test } from "@jest/globals";
import { CreateUserRequest, UserServiceDefinition } from "@org/contracts/user/v1";
import { Code, createChannel, createClient } from "@org/kit/client";
import type { TestService } from "../start-service.ts";
import { allNames, newUser, unique } from "./messages.ts";

/** A stream of users that breaks off must not look like one that has come to its end. */
export function abandonedBulkContract(
  service: () => TestService,
  /** Waits for all handlers, and starts again. */
  restart: () => Promise<void>,
): void {
  const attempts = 10;
  const never = Promise.withResolvers<void>();

  /** A call that comes back: by then the server has seen what was sent on other calls before. */
  async function comeAndGo(): Promise<void> {
    await service().users.listUsers({ pageSize: 1 }).next();
  }

  async function cancel(name: string, requestId: () => string): Promise<void> {
    const controller = new AbortController();
    async function* requests() {
      for (let row = 0; row < 5; row += 1) yield newUser({ name, requestId: requestId() });
      await comeAndGo();
      controller.abort();
      await never.promise;
    }
    await expect(
      service().users.bulkCreateUsers(requests(), { signal: controller.signal }),
    ).rejects.toMatchObject({ code: Code.CANCELLED });
  }

  async function letDeadlinePass(name: string): Promise<void> {
    async function* requests() {
      yield newUser({ name });
      await never.promise;
    }
    await expect(
      service().users.bulkCreateUsers(requests(), { timeoutMs: 100 }),
    ).rejects.toMatchObject({ code: Code.DEADLINE_EXCEEDED });
  }

  async function failAtTheSource(name: string): Promise<void> {
    const reason = new Error("the file is damaged");
    async function* requests() {
      yield newUser({ name });
      await comeAndGo();
      throw reason;
    }
    await expect(service().users.bulkCreateUsers(requests())).rejects.toBe(reason);
  }

  async function closeTheChannel(name: string): Promise<void> {
    const channel = createChannel({
      target: service().server.target,
      services: [UserServiceDefinition],
    });
    const users = createClient(UserServiceDefinition, { channel });
    const controller = new AbortController();
    async function* requests() {
      yield newUser({ name });
      await comeAndGo();
      channel.close();
      controller.abort();
      await never.promise;
    }
    await expect(
      users.bulkCreateUsers(requests(), { signal: controller.signal }),
    ).rejects.toMatchObject({ code: Code.CANCELLED });
  }

  /** Sends one row byte by byte, lets the server read it, and breaks off. */
  async function breakOff(
    name: string,
    end: (stream: ClientHttp2Stream, session: ClientHttp2Session) => void,
  ): Promise<void> {
    const session = connect(`http://${service().server.target}`);
    session.on("error", () => undefined);
    const stream = session.request({
      ":method": "POST",
      ":path": `/${UserServiceDefinition.fullName}/BulkCreateUsers`,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => undefined);
    stream.write(frame(newUser({ name })));
    await new Promise<void>((resolve) => {
      session.ping(() => {
        resolve();
      });
    });
    const closed = new Promise<void>((resolve) => {
      stream.once("close", resolve);
    });
    end(stream, session);
    await closed;
    session.close();
  }

  describe("BulkCreateUsers creates none where the stream breaks off", () => {
    const causes: Readonly<Record<string, (name: string) => Promise<void>>> = {
      cancelled: (name) => cancel(name, () => ""),
      "cancelled, with request ids": (name) => cancel(name, () => unique("request")),
      "deadline passed": letDeadlinePass,
      "source failed": failAtTheSource,
      "channel closed": closeTheChannel,
      "connection lost": (name) => breakOff(name, (_, session) => session.destroy()),
      ...Object.fromEntries(
        (["NGHTTP2_CANCEL", "NGHTTP2_INTERNAL_ERROR", "NGHTTP2_REFUSED_STREAM"] as const).map(
          (code) => [
            code,
            (name: string) => breakOff(name, (stream) => stream.close(constants[code])),
          ],
        ),
      ),
    };

    test(`whatever the cause: ${Object.keys(causes).join("; ")}`, async () => {
      const before = await allNames(service());
      for (const [cause, give] of Object.entries(causes)) {
        for (let i = 0; i < attempts; i += 1) await give(cause);
      }
      await restart();
      expect(await allNames(service())).toEqual(before);
    });
  });
}

function frame(request: CreateUserRequest): Buffer {
  const message = CreateUserRequest.encode(request).finish();
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
