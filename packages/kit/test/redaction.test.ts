import { Metadata } from "@grpc/grpc-js";
import { describe, expect, test } from "@jest/globals";
import { createClient } from "../src/client-index.ts";
import { Code, createLogger, implement, neverLog, RpcError } from "../src/index.ts";
import { createChannel } from "./create-channel.ts";
import { callAny, failureOf, handlersOf, message, startEcho } from "./echo-server.ts";
import { echoWith } from "./policy.ts";

neverLog(["card_number", "cardNumber"]);

const secret = "4111-1111";

function startLog() {
  const lines: string[] = [];
  const logger = createLogger({
    name: "shop",
    level: "trace",
    destination: { write: (line) => void lines.push(line) },
  });
  return { logger, lines };
}

/** The line that is written about a value. */
function written(value: unknown): string {
  const { logger, lines } = startLog();
  logger.info({ value }, "sold");
  expect(lines).toHaveLength(1);
  return lines[0] ?? "";
}

/** What the line has of it. */
function shownOf(value: unknown): unknown {
  const line: unknown = JSON.parse(written(value));
  return typeof line === "object" && line !== null ? Reflect.get(line, "value") : undefined;
}

const holding = { cardNumber: secret, card_number: secret, sku: "p001" };
const held = { cardNumber: "[redacted]", card_number: "[redacted]", sku: "p001" };

function nested(depth: number): object {
  return depth === 0 ? holding : { inner: nested(depth - 1), list: [nested(depth - 1)] };
}

class Order {
  readonly sku = "p001";
  readonly cardNumber = secret;
  toJSON() {
    return { number: this.cardNumber };
  }
}

class Declined extends Error {
  readonly order = holding;
  readonly cardNumber = secret;
}

describe("a name that is never to be logged", () => {
  test("is kept out of a line's own fields", () => {
    const { logger, lines } = startLog();
    logger.info({ cardNumber: secret, card_number: { deep: secret }, sku: "p001" }, "sold");
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([held]);
    expect(lines.join()).not.toContain(secret);
  });

  test("is kept out of objects, lists, sets, maps and whatever lies in them", () => {
    expect(shownOf(holding)).toEqual(held);
    expect(shownOf([[holding]])).toEqual([[held]]);
    expect(shownOf(new Set([holding]))).toEqual([held]);
    expect(
      shownOf(
        new Map<unknown, unknown>([
          ["cardNumber", secret],
          ["order", holding],
        ]),
      ),
    ).toEqual({ cardNumber: "[redacted]", order: held });
    expect(
      shownOf(Object.create(null, { cardNumber: { value: secret, enumerable: true } })),
    ).toEqual({ cardNumber: "[redacted]" });
    expect(shownOf(new Order())).toEqual({ sku: "p001", cardNumber: "[redacted]" });
    expect(shownOf({ toJSON: () => holding, sku: "p001" })).toEqual({ sku: "p001" });
    expect(shownOf(Object.assign(() => holding, holding))).toBe(undefined);
  });

  test.each(Array.from({ length: 15 }, (_, depth) => depth))("is found at depth %i", (depth) => {
    const line = written(nested(depth));
    expect(line).not.toContain(secret);
    expect(line.includes("p001")).toBe(depth <= 8);
  });

  test("is kept out of errors, their causes, and what they hold", () => {
    const cause = new Declined("declined");
    const errors = [
      new Declined("declined"),
      new Error("failed", { cause }),
      new Error("failed", { cause: new Error("failed", { cause: holding }) }),
      new AggregateError([cause, holding], "failed"),
      Object.assign(new Error("failed"), { inner: cause, list: [cause], order: holding }),
      Object.assign(new Error("failed"), { cause: holding }),
      Object.freeze(Object.assign(new Error("failed"), holding)),
    ];
    for (const error of errors) {
      const { logger, lines } = startLog();
      logger.error({ err: error }, "failed");
      logger.error(error);
      logger.error({ nested: { error }, errors: [error] }, "failed");
      expect(lines).toHaveLength(3);
      expect(lines.join()).not.toContain(secret);
      // Where it comes from is not lost for that.
      for (const line of lines) expect(line).toMatch(/redaction\.test\.ts/);
    }
  });

  test("is kept out of a status, of its details and of its trailers", () => {
    const metadata = new Metadata();
    metadata.set("card_number", secret);
    const error = new RpcError(Code.ABORTED, "declined", {
      metadata,
      details: [
        {
          type: "ErrorInfo",
          value: { reason: "DECLINED", domain: "shop", metadata: { cardNumber: secret } },
        },
      ],
    });
    const { logger, lines } = startLog();
    logger.error({ err: error }, "failed");
    logger.error(error);
    expect(lines.join()).not.toContain(secret);
    expect(lines.join()).toContain("DECLINED");
  });

  test("is kept out of the fields of child loggers, and of theirs", () => {
    const { logger, lines } = startLog();
    const child = logger.child({ order: holding, cardNumber: secret });
    child.info("sold");
    child.child({ nextOrder: [holding] }, { level: "debug" }).debug(holding, "sold");
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
      { name: "shop", order: held, cardNumber: "[redacted]", msg: "sold" },
      { name: "shop", order: held, nextOrder: [held], msg: "sold" },
    ]);
    expect(lines.join()).not.toContain(secret);
  });

  test("is kept out of what is put into a text", () => {
    const { logger, lines } = startLog();
    logger.info("sold %o and %j to %s", holding, [holding], "ann");
    logger.info({ sku: 7 }, "sold %O", { holding });
    logger.info("failed: %s, %o", new Declined("declined"), new Declined("declined"));
    expect(lines.join()).not.toContain(secret);
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
      { msg: expect.stringMatching(/^sold \{.*p001.*\} and \[.*p001.*\] to ann$/) },
      { sku: 7, msg: expect.stringMatching(/^sold \{.*p001.*\}$/) },
      { msg: expect.stringMatching(/^failed: Error: declined, /) },
    ]);
  });
});

describe("what is logged", () => {
  test("may refer to itself", () => {
    const cyclic: Record<string, unknown> = { sku: "p001", cardNumber: secret };
    Object.assign(cyclic, { self: cyclic, list: [cyclic], map: new Map([["self", cyclic]]) });
    expect(shownOf(cyclic)).toEqual({
      sku: "p001",
      cardNumber: "[redacted]",
      self: "[circular]",
      list: ["[circular]"],
      map: { self: "[circular]" },
    });
    const error = new Error("failed");
    Object.assign(error, { cause: error, self: error, errors: [error] });
    expect(written(error)).toContain("failed");
    // The same twice is no circle.
    expect(shownOf([holding, holding])).toEqual([held, held]);
  });

  test("may be a tangle that would never end", () => {
    const knots = Array.from({ length: 50 }, (): Record<string, unknown> => ({ ...holding }));
    for (const knot of knots) Object.assign(knot, knots);
    const before = performance.now();
    const line = written(knots[0]);
    expect(performance.now() - before).toBeLessThan(1_000);
    expect(line.length).toBeLessThan(200_000);
    expect(line).not.toContain(secret);
  });

  test("may be huge", () => {
    const list = Array.from({ length: 200_000 }, () => holding);
    const object = Object.fromEntries(list.map((each, index) => [`key ${index}`, each]));
    const map = new Map(Object.entries(object));
    for (const huge of [list, object, map, new Set(Object.keys(object))]) {
      const line = written(huge);
      expect(line.length).toBeLessThan(200_000);
      expect(line).toContain("[and more]");
      expect(line).not.toContain(secret);
    }
  });

  test("may have parts that cannot be read", () => {
    const explode = (): never => {
      throw new Error("exploded");
    };
    const getter = { enumerable: true, get: explode };
    expect(shownOf(Object.defineProperty({ sku: "p001" }, "size", getter))).toEqual({
      sku: "p001",
      size: "[cannot be read]",
    });
    // What must not be shown is not even read.
    expect(shownOf(Object.defineProperty({}, "cardNumber", getter))).toEqual({
      cardNumber: "[redacted]",
    });
    expect(shownOf(new Proxy({}, { ownKeys: explode }))).toBe("[cannot be shown]");
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(shownOf([proxy, 1])).toEqual(["[cannot be shown]", 1]);
    expect(written(Object.defineProperty(new Error("failed"), "size", getter))).toContain("failed");
    expect(written(Object.defineProperty(new Error("failed"), "message", getter))).toContain(
      "[cannot be shown]",
    );
  });

  test("may be bytes, which are counted", () => {
    const bytes = Buffer.from(secret);
    const values = { bytes, view: new Uint16Array(3), data: new DataView(bytes.buffer, 0, 2) };
    expect(shownOf(values)).toEqual({ bytes: "[9 bytes]", view: "[6 bytes]", data: "[2 bytes]" });
  });

  test("may be anything else that there is", () => {
    const values = [1n, Symbol("symbol"), undefined, null, NaN, "text", true, /x/];
    expect(shownOf(values)).toEqual(["1", null, null, null, null, "text", true, {}]);
    expect(shownOf(new Date(0))).toBe("1970-01-01T00:00:00.000Z");
    expect(shownOf(new Date(NaN))).toBe(null);
    expect(
      shownOf(
        new Map<unknown, unknown>([
          [holding, 1],
          [7, 2],
        ]),
      ),
    ).toEqual({ "[object]": 1, 7: 2 });
    expect(shownOf(JSON.parse('{ "__proto__": { "cardNumber": "4111-1111" } }'))).toEqual(
      JSON.parse('{ "__proto__": { "cardNumber": "[redacted]" } }'),
    );
  });
});

test("servers and clients keep out what their contract has with debug_redact", () => {
  const named = (name: string) => echoWith({ service: { redactedNames: [name] } });
  expect(shownOf({ nick_name: "x", pass_word: "y" })).toEqual({ nick_name: "x", pass_word: "y" });
  implement(named("nick_name"), handlersOf(fail));
  const definition = named("pass_word");
  const channel = createChannel({ target: "127.0.0.1:1", services: [definition] });
  createClient(definition, { channel });
  channel.close();
  expect(shownOf({ nick_name: "x", pass_word: "y" })).toEqual({
    nick_name: "[redacted]",
    pass_word: "[redacted]",
  });
});

function fail(): never {
  throw new Error("it has not been called");
}

describe("a server", () => {
  const definition = echoWith({ reasons: { DECLINED: Code.FAILED_PRECONDITION } });

  test("sends nothing of it with a reason, and logs nothing of it", async () => {
    await using echo = await startEcho(
      handlersOf((_requests, call) => {
        throw call.error("DECLINED", "declined", {
          metadata: { cardNumber: secret, sku: "p001" },
          cause: Object.assign(new Declined("declined"), { holding }),
        });
      }),
      { definition },
    );
    const error = await failureOf(callAny(echo.client, "echo"));
    expect(error.details).toMatchObject([
      { value: { metadata: { cardNumber: "[redacted]", sku: "p001" } } },
    ]);
    expect(JSON.stringify(echo.log)).not.toContain(secret);
    expect(echo.log).toMatchObject([{ msg: "serving" }, { msg: "call failed" }]);
  });

  test("logs nothing of what a handler throws, whatever that is", async () => {
    const thrown: unknown[] = [
      new Declined("declined"),
      holding,
      [holding],
      new Map([["x", holding]]),
    ];
    let next: unknown;
    await using echo = await startEcho(
      handlersOf(() => {
        throw next;
      }),
      { definition },
    );
    for (next of thrown) await failureOf(callAny(echo.client, "chat", {}, message("1")));
    expect(JSON.stringify(echo.log)).not.toContain(secret);
    expect(echo.log).toHaveLength(1 + thrown.length);
  });

  test("lives on where a status holds what cannot be read", async () => {
    const status = new RpcError(Code.UNAVAILABLE, "try again");
    Object.defineProperty(status, "text", { enumerable: true, value: "try again" });
    Object.defineProperty(status, "size", { enumerable: true, get: fail });
    await using echo = await startEcho(
      handlersOf(() => {
        throw status;
      }),
      { definition },
    );
    for (const method of ["echo", "expand", "collect", "chat"] as const) {
      expect((await failureOf(callAny(echo.client, method))).code).toBe(Code.UNAVAILABLE);
    }
  });
});

test("what PostgreSQL quotes of rows and parameters is left out of its errors, whatever it is", () => {
  const quoted = {
    detail: `Failing row contains (${secret}).`,
    where: `unnamed portal parameter $1 = '${secret}'`,
    internalQuery: `select '${secret}'`,
    query: `select '${secret}'`,
    params: [secret],
    parameters: [secret],
  };
  const error = Object.assign(new Error("violates a constraint"), quoted, { code: "23514" });
  for (const value of [error, { err: error }, new Error("outer", { cause: error })]) {
    const line = written(value);
    expect(line).not.toContain(secret);
    expect(line).toContain("violates a constraint");
  }
  // Only errors are made of what others say.
  expect(shownOf({ query: "a" })).toEqual({ query: "a" });
});
