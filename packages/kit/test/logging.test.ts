import { describe, expect, test } from "@jest/globals";
import { Code, createLogger, logLevels, RpcError } from "../src/index.ts";
import { callAny, failureOf, handlersOf, message, startEcho } from "./echo-server.ts";

function startLog(level?: (typeof logLevels)[number]) {
  const lines: unknown[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const logger = createLogger({ name: "shop", destination, ...(level && { level }) });
  return { logger, lines };
}

const levels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

test("each line is one JSON object with who, when and what", () => {
  const { logger, lines } = startLog();
  logger.info({ sku: 7 }, "sold\nout");
  expect(lines).toEqual([
    {
      level: 30,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      pid: process.pid,
      hostname: expect.any(String),
      name: "shop",
      sku: 7,
      msg: "sold\nout",
    },
  ]);
});

test("info is the least severe level that is written by default", () => {
  const { logger, lines } = startLog();
  for (const level of levels) logger[level](level);
  expect(lines).toMatchObject([
    { msg: "info" },
    { msg: "warn" },
    { msg: "error" },
    { msg: "fatal" },
  ]);
});

test.each(logLevels)("%s writes itself and what is more severe", (level) => {
  const { logger, lines } = startLog(level);
  for (const each of levels) logger[each](each);
  const expected = level === "silent" ? [] : levels.slice(levels.indexOf(level));
  expect(lines).toMatchObject(expected.map((msg) => ({ msg })));
});

test("an error is written with its stack and its causes", () => {
  const { logger, lines } = startLog();
  logger.error({ err: new TypeError("outer", { cause: new Error("inner") }) }, "failed");
  expect(lines).toMatchObject([
    {
      err: {
        type: "TypeError",
        message: expect.stringContaining("outer"),
        stack: expect.stringMatching(/logging\.test\.ts[^]*caused by: Error: inner/),
      },
    },
  ]);
});

describe("a server", () => {
  test("says where it serves, and nothing about calls that go well", async () => {
    await using echo = await startEcho({ echo: (request) => request });
    await callAny(echo.client, "echo");
    expect(echo.log).toMatchObject([{ level: 30, msg: "serving", port: echo.server.port }]);
  });

  test("tells a defect by the id that the caller got, and a failure only in detail", async () => {
    await using echo = await startEcho(
      handlersOf(async function* (requests) {
        for await (const { requestId } of requests) {
          if (requestId === "defect") throw new Error("broken");
          throw new RpcError(Code.NOT_FOUND, "no such thing");
        }
        yield message("none");
      }),
    );
    const defect = await failureOf(callAny(echo.client, "echo", {}, message("defect")));
    await failureOf(callAny(echo.client, "chat", {}, message("failure")));
    const id = /correlation id (\S+)$/.exec(defect.text)?.[1];
    expect(id).toHaveLength(36);
    expect(echo.log.slice(1)).toMatchObject([
      {
        level: 50,
        msg: "handler failed",
        path: "/org.kit.test.v1.EchoService/Echo",
        correlationId: id,
        err: { stack: expect.stringMatching(/^Error: broken\n +at .*logging\.test\.ts/) },
      },
      {
        level: 20,
        msg: "call failed",
        path: "/org.kit.test.v1.EchoService/Chat",
        code: Code.NOT_FOUND,
        err: { message: "NOT_FOUND: no such thing" },
      },
    ]);
  });

  test("gives each defect an id of its own", async () => {
    await using echo = await startEcho({
      echo: () => {
        throw new Error("broken");
      },
    });
    const errors = await Promise.all(
      Array.from({ length: 20 }, () => failureOf(callAny(echo.client, "echo"))),
    );
    expect(new Set(errors.map(({ text }) => text)).size).toBe(20);
    const ids = echo.log.flatMap(({ correlationId }) => correlationId ?? []);
    const told = errors.map(({ text }) => /correlation id (\S+)$/.exec(text)?.[1]);
    expect(new Set(told)).toEqual(new Set(ids));
  });
});
