import { describe, expect, test } from "@jest/globals";
import { Code, RpcError } from "../src/index.ts";
import { EchoDefinition } from "./echo.ts";
import {
  callAny,
  failureOf,
  handlersOf,
  idsOf,
  message,
  methods,
  startEcho,
} from "./echo-server.ts";

/** What a contract's retry policy becomes: three attempts, one after the other at once. */
const retrying = {
  channelOptions: {
    "grpc.service_config": JSON.stringify({
      methodConfig: [
        {
          name: [{ service: EchoDefinition.fullName }],
          retryPolicy: {
            maxAttempts: 3,
            initialBackoff: "0.001s",
            maxBackoff: "0.001s",
            backoffMultiplier: 1,
            retryableStatusCodes: ["UNAVAILABLE"],
          },
        },
      ],
    }),
  },
};

const unavailable = new RpcError(Code.UNAVAILABLE, "try again");

describe.each(methods)("%s", (method) => {
  test("is tried again where the handler fails before its first answer", async () => {
    let attempts = 0;
    await using echo = await startEcho(
      handlersOf(async function* (requests, { header, trailer }) {
        attempts += 1;
        // Sent early, a header would commit the call to this attempt.
        header.set("attempt", String(attempts));
        trailer.set("attempt", String(attempts));
        for await (const { requestId } of requests) {
          if (attempts < 3) throw unavailable;
          yield message(`re: ${requestId}`);
        }
      }),
      { channel: retrying },
    );
    const headers: unknown[] = [];
    const trailers: unknown[] = [];
    const answers = await callAny(echo.client, method, {
      onHeader: (header) => void headers.push(header.get("attempt")[0]),
      onTrailer: (trailer) => void trailers.push(trailer.get("attempt")[0]),
    });
    expect(answers).toEqual(["re: request"]);
    expect({ attempts, headers, trailers }).toEqual({
      attempts: 3,
      headers: ["3"],
      trailers: ["3"],
    });
  });

  test("fails with the last status when all attempts are used", async () => {
    let attempts = 0;
    await using echo = await startEcho(
      handlersOf(() => {
        attempts += 1;
        throw new RpcError(Code.UNAVAILABLE, `attempt ${attempts}`);
      }),
      { channel: retrying },
    );
    const error = await failureOf(callAny(echo.client, method));
    expect(error).toMatchObject({ code: Code.UNAVAILABLE, text: "attempt 3" });
    expect(attempts).toBe(3);
  });

  test("is not tried again where the status is another, nor without a policy", async () => {
    let attempts = 0;
    const handlers = handlersOf(() => {
      attempts += 1;
      throw attempts === 1 ? new RpcError(Code.ABORTED, "for good") : unavailable;
    });
    await using echo = await startEcho(handlers, { channel: retrying });
    expect((await failureOf(callAny(echo.client, method))).code).toBe(Code.ABORTED);
    expect(attempts).toBe(1);
    await using other = await startEcho(handlers);
    expect((await failureOf(callAny(other.client, method))).code).toBe(Code.UNAVAILABLE);
    expect(attempts).toBe(2);
  });
});

test.each(["expand", "chat"] as const)("%s is not tried again after an answer", async (method) => {
  let attempts = 0;
  await using echo = await startEcho(
    handlersOf(async function* () {
      attempts += 1;
      yield message("1");
      throw unavailable;
    }),
    { channel: retrying },
  );
  expect((await failureOf(callAny(echo.client, method))).code).toBe(Code.UNAVAILABLE);
  expect(attempts).toBe(1);
});

test("a stream of requests that is too long to be kept is not tried again, and does not hang", async () => {
  let attempts = 0;
  await using echo = await startEcho(
    {
      async collect(requests) {
        attempts += 1;
        let read = 0;
        for await (const { requestId } of requests) {
          read += 1;
          if (requestId === "last") throw new RpcError(Code.UNAVAILABLE, `after ${read}`);
        }
        return message("all");
      },
    },
    { channel: retrying },
  );
  const source = function* () {
    for (let sent = 0; sent < 100; sent += 1) yield message("more", "x".repeat(10_000));
    yield message("last");
    for (;;) yield message("more", "x".repeat(10_000));
  };
  const error = await failureOf(echo.client.collect(source()));
  expect(error).toMatchObject({ code: Code.UNAVAILABLE, text: "after 101" });
  expect(attempts).toBe(1);
});

test("a stream of requests that is short enough is sent again from its start", async () => {
  const attempts: string[][] = [];
  await using echo = await startEcho(
    {
      async collect(requests) {
        const ids: string[] = [];
        attempts.push(ids);
        for await (const { requestId } of requests) {
          ids.push(requestId);
          if (attempts.length < 3 && ids.length === 5) throw unavailable;
        }
        return message(ids.join());
      },
    },
    { channel: retrying },
  );
  const ids = Array.from({ length: 20 }, (_, id) => String(id));
  const answer = await echo.client.collect(ids.map((id) => message(id)));
  expect(answer).toEqual(message(ids.join()));
  expect(attempts.map(({ length }) => length)).toEqual([5, 5, 20]);
  expect(await failureOf(idsOf(echo.client.expand({})))).toMatchObject({
    code: Code.UNIMPLEMENTED,
  });
});
