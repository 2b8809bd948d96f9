import { describe, expect, test } from "@jest/globals";
import { defaultMaxMessageBytes as clientDefault } from "../src/client-index.ts";
import { RequestInfo } from "../src/gen/google/rpc/error_details.ts";
import { Code, defaultMaxMessageBytes } from "../src/index.ts";
import {
  callAny,
  failureOf,
  gather,
  handlersOf,
  message,
  methods,
  startEcho,
} from "./echo-server.ts";

const mebibyte = 1024 * 1024;
const exhausted = { name: "RpcError", code: Code.RESOURCE_EXHAUSTED };

/** A message that is so many bytes when it is encoded. */
function ofSize(bytes: number): RequestInfo {
  const overhead = RequestInfo.encode(message("", "x".repeat(bytes))).finish().byteLength - bytes;
  const sized = message("", "x".repeat(bytes - overhead));
  expect(RequestInfo.encode(sized).finish().byteLength).toBe(bytes);
  return sized;
}

/** Answers as large as the requests. */
const mirror = handlersOf(async function* (requests) {
  yield* requests;
});

/** Answers of so many bytes as the request's id says. */
const generous = handlersOf(async function* (requests) {
  for await (const { requestId } of requests) yield ofSize(Number(requestId));
});

/** Requests as large as the test makes them, and short answers. */
const swallow = handlersOf(async function* (requests) {
  for await (const { servingData } of requests) yield message(String(servingData.length > 0));
});

test("10 MiB are the default on both sides", () => {
  expect(defaultMaxMessageBytes).toBe(10 * mebibyte);
  expect(clientDefault).toBe(10 * mebibyte);
});

describe.each(methods)("%s, as it is", (method) => {
  test("carries 9 MiB, and 10 MiB exactly, both ways", async () => {
    await using echo = await startEcho(mirror);
    for (const size of [9 * mebibyte, 10 * mebibyte]) {
      expect(await callAny(echo.client, method, { timeoutMs: 60_000 }, ofSize(size))).toEqual([""]);
    }
  });

  test("refuses to send a request of a byte more", async () => {
    await using echo = await startEcho(swallow);
    const call = callAny(echo.client, method, {}, ofSize(10 * mebibyte + 1));
    expect(await failureOf(call)).toMatchObject(exhausted);
    expect(await callAny(echo.client, method, {}, message("", "x"))).toEqual(["true"]);
  });

  test("refuses to receive a request of a byte more", async () => {
    await using echo = await startEcho(swallow, {
      channel: { maxSendMessageBytes: 20 * mebibyte },
    });
    const call = callAny(echo.client, method, {}, ofSize(10 * mebibyte + 1));
    expect(await failureOf(call)).toMatchObject(exhausted);
    expect(await callAny(echo.client, method, {}, message("", "x"))).toEqual(["true"]);
  });

  test("refuses to send an answer of a byte more", async () => {
    await using echo = await startEcho(generous);
    const call = callAny(echo.client, method, {}, message(String(10 * mebibyte + 1)));
    expect(await failureOf(call)).toMatchObject(exhausted);
    expect(await callAny(echo.client, method, {}, message("10"))).toEqual([""]);
  });

  test("refuses to receive an answer of a byte more", async () => {
    await using echo = await startEcho(generous, { maxSendMessageBytes: 20 * mebibyte });
    const call = callAny(echo.client, method, {}, message(String(10 * mebibyte + 1)));
    expect(await failureOf(call)).toMatchObject(exhausted);
    expect(await callAny(echo.client, method, {}, message("10"))).toEqual([""]);
  });
});

describe.each(methods)("%s, with limits of its own", (method) => {
  test("the server's are for its requests and for its answers", async () => {
    await using receiving = await startEcho(swallow, { maxReceiveMessageBytes: 1_000 });
    expect(await callAny(receiving.client, method, {}, ofSize(1_000))).toEqual(["true"]);
    const sent = callAny(receiving.client, method, {}, ofSize(1_001));
    expect(await failureOf(sent)).toMatchObject(exhausted);

    await using sending = await startEcho(generous, { maxSendMessageBytes: 1_000 });
    expect(await callAny(sending.client, method, {}, message("1000"))).toEqual([""]);
    const answered = callAny(sending.client, method, {}, message("1001"));
    expect(await failureOf(answered)).toMatchObject(exhausted);
  });

  test("the channel's are for its requests and for its answers", async () => {
    await using sending = await startEcho(swallow, { channel: { maxSendMessageBytes: 1_000 } });
    expect(await callAny(sending.client, method, {}, ofSize(1_000))).toEqual(["true"]);
    const sent = callAny(sending.client, method, {}, ofSize(1_001));
    expect(await failureOf(sent)).toMatchObject(exhausted);

    await using receiving = await startEcho(generous, {
      channel: { maxReceiveMessageBytes: 1_000 },
    });
    expect(await callAny(receiving.client, method, {}, message("1000"))).toEqual([""]);
    const answered = callAny(receiving.client, method, {}, message("1001"));
    expect(await failureOf(answered)).toMatchObject(exhausted);
  });

  test("grpc-js's own options win", async () => {
    await using echo = await startEcho(swallow, {
      maxReceiveMessageBytes: 1_000,
      channelOptions: { "grpc.max_receive_message_length": 2_000 },
      channel: {
        maxSendMessageBytes: 1_000,
        channelOptions: { "grpc.max_send_message_length": 3_000 },
      },
    });
    expect(await callAny(echo.client, method, {}, ofSize(2_000))).toEqual(["true"]);
    expect(await failureOf(callAny(echo.client, method, {}, ofSize(2_001)))).toMatchObject(
      exhausted,
    );
  });
});

test.each(["collect", "chat"] as const)(
  "one request too large ends a stream of them: %s",
  async (method) => {
    const outcome = Promise.withResolvers<unknown>();
    const twoAreRead = Promise.withResolvers<void>();
    await using echo = await startEcho(
      handlersOf(async function* (requests) {
        let read = 0;
        try {
          for await (const { servingData } of requests) {
            read += servingData.length > 0 ? 1 : 0;
            if (read === 2) twoAreRead.resolve();
          }
        } catch (error) {
          outcome.resolve([read, error]);
        }
        yield message("answer");
      }),
      { maxReceiveMessageBytes: 1_000 },
    );
    const requests = async function* () {
      yield ofSize(10);
      yield ofSize(10);
      await twoAreRead.promise;
      yield ofSize(1_001);
      yield ofSize(10);
    };
    const call =
      method === "collect" ? echo.client.collect(requests()) : gather(echo.client.chat(requests()));
    expect(await failureOf(call)).toMatchObject(exhausted);
    expect(await outcome.promise).toMatchObject([2, { name: "RpcError" }]);
  },
);
