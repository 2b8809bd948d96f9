import { describe, expect, test } from "@jest/globals";
import { RequestInfo } from "../src/gen/google/rpc/error_details.ts";
import { Code, encoded } from "../src/index.ts";
import { callAny, failureOf, handlersOf, message, methods, startEcho } from "./echo-server.ts";

describe.each(methods)("%s", (method) => {
  test("answers what was encoded before, call after call", async () => {
    const answer = encoded(RequestInfo, message("known", "é".repeat(1_000)));
    expect(answer.bytes).toBe(
      RequestInfo.encode(message("known", "é".repeat(1_000))).finish().length,
    );
    await using echo = await startEcho(
      handlersOf(async function* (requests) {
        for await (const _ of requests) yield answer;
      }),
    );
    for (let round = 0; round < 3; round++) {
      expect(await callAny(echo.client, method, {})).toEqual(["known"]);
    }
  });

  test("is not answered with more bytes than the server sends", async () => {
    const answer = encoded(RequestInfo, message("x".repeat(1_000)));
    await using echo = await startEcho(
      handlersOf(async function* (requests) {
        for await (const _ of requests) yield answer;
      }),
      { maxSendMessageBytes: answer.bytes - 1 },
    );
    expect(await failureOf(callAny(echo.client, method, {}))).toMatchObject({
      code: Code.RESOURCE_EXHAUSTED,
      text: `the answer has ${answer.bytes} bytes; the server sends at most ${answer.bytes - 1}`,
    });
  });
});

test("encoding a message that cannot be encoded throws", () => {
  const broken = {
    servingData: "",
    get requestId(): string {
      throw new TypeError("it is gone");
    },
  };
  expect(() => encoded(RequestInfo, broken)).toThrow(new TypeError("it is gone"));
});

test("what was encoded keeps nothing else alive", () => {
  const { frame } = encoded(RequestInfo, message("known"));
  expect(frame.buffer.byteLength).toBe(frame.length);
});
