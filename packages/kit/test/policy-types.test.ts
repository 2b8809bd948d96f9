import { describe, expect, test } from "@jest/globals";
import { isErrorOf, type MethodError } from "../src/client-index.ts";
import type { RequestInfo } from "../src/gen/google/rpc/error_details.ts";
import {
  type CallContext,
  type CheckedRequest,
  Code,
  type Handlers,
  implement,
  type Principal,
  type ReasonOf,
  type ReasonsOf,
  type Requests,
  RpcError,
} from "../src/index.ts";
import { EchoDefinition } from "./echo.ts";
import { handlersOf, message } from "./echo-server.ts";
import { StoreDefinition } from "./policy.ts";

type StoreHandlers = Handlers<typeof StoreDefinition>;
type StoreMethods = (typeof StoreDefinition)["methods"];

/** True where two types can stand for each other, and neither is `any`. */
type Same<A, B> = 0 extends 1 & A & B ? false : [A, B] extends [B, A] ? true : false;

function same<A, B>(proven: Same<A, B>): void {
  expect(proven).toBe(true);
}

const right = {
  ...handlersOf(async function* () {
    yield message("answer");
  }),
  async *chat(requests) {
    for await (const { request } of requests) yield request;
  },
} satisfies StoreHandlers;

describe("handlers", () => {
  test("get messages that break rules only where the contract says so", () => {
    same<Parameters<StoreHandlers["chat"]>[0], Requests<CheckedRequest<RequestInfo>>>(true);
    same<Parameters<StoreHandlers["collect"]>[0], Requests<RequestInfo>>(true);
    const service = implement(StoreDefinition, {
      ...right,
      async *chat(requests) {
        for await (const { request, violations } of requests) {
          same<typeof request, RequestInfo>(true);
          yield message(request.requestId, violations.map(({ field }) => field).join());
        }
      },
    });
    expect(service.definition).toBe(StoreDefinition);
    const wrong = [
      implement(StoreDefinition, {
        ...right,
        // @ts-expect-error must not compile: the message is inside of what was found wrong with it
        async *chat(requests: Requests<RequestInfo>) {
          yield* requests;
        },
      }),
      implement(StoreDefinition, {
        ...right,
        async *chat(requests) {
          // @ts-expect-error must not compile: the message is inside of what was found wrong with it
          for await (const { requestId } of requests) expect(requestId).toBe(undefined);
          yield message("answer");
        },
      }),
      implement(StoreDefinition, {
        ...right,
        async collect(requests) {
          // @ts-expect-error must not compile: whatever arrives here breaks no rule
          for await (const { violations } of requests) expect(violations).toEqual([]);
          return message("collected");
        },
      }),
    ];
    expect(wrong).toHaveLength(3);
  });

  test("know the reasons of their own method, and no others", () => {
    same<ReasonOf<StoreMethods["echo"]>, "NOT_THERE" | "SOLD_OUT">(true);
    same<ReasonOf<StoreMethods["expand"]>, never>(true);
    same<ReasonOf<StoreMethods["chat"]>, "CLOSED">(true);
    same<ReasonsOf<typeof StoreDefinition>, "NOT_THERE" | "SOLD_OUT" | "CLOSED">(true);
    const service = implement(StoreDefinition, {
      ...right,
      echo(_request, call) {
        same<Parameters<typeof call.error>[0], "NOT_THERE" | "SOLD_OUT">(true);
        same<typeof call.principal, Principal | undefined>(true);
        // @ts-expect-error must not compile: the reason is not declared
        call.error("NOT_DECLARED", "failed");
        // @ts-expect-error must not compile: it is declared for another method
        call.error("CLOSED", "failed");
        // @ts-expect-error must not compile: the caller is told why
        call.error("SOLD_OUT");
        // @ts-expect-error must not compile: metadata are texts
        call.error("SOLD_OUT", "failed", { metadata: { left: 0 } });
        throw call.error("SOLD_OUT", "failed", { metadata: { left: "0" }, cause: "none" });
      },
      async *expand(request, call) {
        yield request;
        // @ts-expect-error must not compile: the method declares no reasons
        throw call.error("SOLD_OUT", "failed");
      },
    });
    expect(Object.keys(service.handlers)).toEqual(Object.keys(StoreDefinition.methods));
  });

  test("of a method without a contract have no reasons", () => {
    same<ReasonOf<typeof EchoDefinition.methods.echo>, never>(true);
    same<ReasonsOf<typeof EchoDefinition>, never>(true);
    const service = implement(EchoDefinition, {
      ...handlersOf(async function* () {
        yield message("answer");
      }),
      echo(_request, call) {
        // @ts-expect-error must not compile: there is no contract that would declare it
        throw call.error("SOLD_OUT", "failed");
      },
    });
    expect(service.definition).toBe(EchoDefinition);
  });

  test("have their errors mapped to reasons of the service", () => {
    const service = implement(StoreDefinition, right, {
      toRpcError: (error, call) => {
        same<typeof error, unknown>(true);
        if (error === "closed") return call.error("CLOSED", "failed");
        // @ts-expect-error must not compile: the reason is not declared
        return call.error("NOT_DECLARED", "failed");
      },
    });
    expect(service.aliases).toEqual(["test.StoreService"]);
    const options = {
      // @ts-expect-error must not compile: an error becomes a status, or nothing
      toRpcError: (error: unknown, _call: CallContext) => error,
    } satisfies Parameters<typeof implement<typeof StoreDefinition>>[2];
    expect(options.toRpcError).toBeInstanceOf(Function);
  });
});

/** An error of the method, as a client gets it. */
function failure(reason: string, code: Code): unknown {
  return new RpcError(code, "failed", {
    details: [
      { type: "ErrorInfo", value: { reason, domain: StoreDefinition.fullName, metadata: {} } },
    ],
  });
}

describe("isErrorOf", () => {
  /** It compiles only because the two reasons are all that there are. */
  const handled = (error: unknown): string => {
    if (!isErrorOf(StoreDefinition, "echo", error)) return "none";
    switch (error.reason) {
      case "NOT_THERE":
        return "order it";
      case "SOLD_OUT":
        return "wait for it";
    }
  };

  // @ts-expect-error must not compile: SOLD_OUT is missing, for which nothing is returned
  const forgetful = (error: unknown): string => {
    if (!isErrorOf(StoreDefinition, "echo", error)) return "none";
    // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- That it is not is what is tested.
    switch (error.reason) {
      case "NOT_THERE":
        return "order it";
    }
  };

  test("makes a switch over the reasons exhaustive", () => {
    const soldOut = failure("SOLD_OUT", Code.FAILED_PRECONDITION);
    expect(handled(failure("NOT_THERE", Code.NOT_FOUND))).toBe("order it");
    expect(handled(soldOut)).toBe("wait for it");
    expect(handled(failure("CLOSED", Code.ABORTED))).toBe("none");
    expect(forgetful(soldOut)).toBe(undefined);
  });

  test("narrows to the reasons of the method, and leaves all else of the error", () => {
    const error = failure("NOT_THERE", Code.NOT_FOUND);
    const seen: unknown[] = [];
    if (isErrorOf(StoreDefinition, "collect", error)) {
      same<typeof error.reason, "NOT_THERE">(true);
      same<typeof error, MethodError<typeof StoreDefinition, "collect">>(true);
      seen.push(error.code, error.text);
      // @ts-expect-error must not compile: that is a reason of another method
      seen.push(error.reason === "SOLD_OUT");
    }
    if (isErrorOf(StoreDefinition, "expand", error)) same<typeof error.reason, never>(true);
    // @ts-expect-error must not compile: the service has no such method
    seen.push(isErrorOf(StoreDefinition, "shout", error));
    expect(seen).toEqual([Code.NOT_FOUND, "failed", false, false]);
  });
});
