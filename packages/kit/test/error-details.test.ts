import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { describe, expect, test } from "@jest/globals";
import { decodeDetails, encodeStatus } from "../src/error-details.ts";
import { Status } from "../src/gen/google/rpc/status.ts";
import { Code, type DetailMessages, type ErrorDetail, RpcError } from "../src/index.ts";
import { callAny, failureOf, handlersOf, methods, startEcho } from "./echo-server.ts";

/** One of each, with something in every field. */
const samples: DetailMessages = {
  BadRequest: {
    fieldViolations: [
      {
        field: "requests[3].e_mail",
        description: "must be an address",
        reason: "NO_ADDRESS",
        localizedMessage: { locale: "de-CH", message: "muss eine Adresse sein" },
      },
      { field: "name", description: "leer", reason: "", localizedMessage: undefined },
    ],
  },
  DebugInfo: { stackEntries: ["at one", "at two"], detail: "more" },
  ErrorInfo: { reason: "SOLD_OUT", domain: "shop.example", metadata: { sku: "7", größe: "XL" } },
  Help: { links: [{ description: "how to", url: "https://example.com/help" }] },
  LocalizedMessage: { locale: "ja", message: "在庫切れ" },
  PreconditionFailure: {
    violations: [{ type: "TOS", subject: "example.com/terms", description: "not accepted" }],
  },
  QuotaFailure: {
    violations: [
      {
        subject: "project:7",
        description: "a day's calls",
        apiService: "shop.example",
        quotaMetric: "calls",
        quotaId: "calls-per-day",
        quotaDimensions: { region: "eu" },
        quotaValue: 2n ** 62n,
        futureQuotaValue: 9n,
      },
    ],
  },
  RequestInfo: { requestId: "r-1", servingData: "data" },
  ResourceInfo: {
    resourceType: "product",
    resourceName: "products/7",
    owner: "user:1",
    description: "is gone",
  },
  RetryInfo: { retryDelay: { seconds: 3n, nanos: 500_000_000 } },
};

const details: ErrorDetail[] = [
  { type: "BadRequest", value: samples.BadRequest },
  { type: "DebugInfo", value: samples.DebugInfo },
  { type: "ErrorInfo", value: samples.ErrorInfo },
  { type: "Help", value: samples.Help },
  { type: "LocalizedMessage", value: samples.LocalizedMessage },
  { type: "PreconditionFailure", value: samples.PreconditionFailure },
  { type: "QuotaFailure", value: samples.QuotaFailure },
  { type: "RequestInfo", value: samples.RequestInfo },
  { type: "ResourceInfo", value: samples.ResourceInfo },
  { type: "RetryInfo", value: samples.RetryInfo },
];

const failing = (error: RpcError) =>
  handlersOf(() => {
    throw error;
  });

test("there is a sample of every type", () => {
  expect(details.map(({ type }) => type).toSorted()).toEqual(Object.keys(samples).toSorted());
});

test.each(details)("$type reaches the caller as it was thrown", async (detail) => {
  const thrown = new RpcError(Code.FAILED_PRECONDITION, "failed", { details: [detail] });
  await using echo = await startEcho(failing(thrown));
  for (const method of methods) {
    const error = await failureOf(callAny(echo.client, method));
    expect(error).toMatchObject({ code: Code.FAILED_PRECONDITION, text: "failed" });
    expect(error.details).toEqual([detail]);
  }
});

test("all of them at once keep their order", async () => {
  await using echo = await startEcho(failing(new RpcError(Code.ABORTED, "failed", { details })));
  const error = await failureOf(callAny(echo.client, "echo"));
  expect(error.details).toEqual(details);
  expect(error.reason).toBe("SOLD_OUT");
  expect(error.violations).toMatchObject([{ field: "requests[3].e_mail" }, { field: "name" }]);
});

describe("what does not fit into the trailers", () => {
  const violations = Array.from({ length: 5_000 }, (_, index) => ({
    field: `requests[${index}].name`,
    description: "must not be empty",
  }));

  test.each(methods)("is cut from the end: %s", async (method) => {
    await using echo = await startEcho(failing(RpcError.invalidArgument(violations)));
    const error = await failureOf(callAny(echo.client, method));
    expect(error.code).toBe(Code.INVALID_ARGUMENT);
    expect(error.text).toMatch(/and 4997 more$/);
    expect(error.violations.length).toBeGreaterThan(50);
    expect(error.violations).toMatchObject(violations.slice(0, error.violations.length));
  });

  test("reaches a plain grpc-js client, too, within what every client accepts", async () => {
    await using echo = await startEcho(failing(RpcError.invalidArgument(violations)));
    const client = new Client(echo.server.target, credentials.createInsecure());
    const { promise, resolve } = Promise.withResolvers<ServiceError | null>();
    const asIs = (bytes: Buffer): Buffer => bytes;
    client.makeUnaryRequest("/org.kit.test.v1.EchoService/Echo", asIs, asIs, Buffer.of(), resolve);
    const error = await promise;
    expect(error).toMatchObject({ code: Code.INVALID_ARGUMENT });
    // gRPC's C core takes 8 KiB of metadata by default, counted as HTTP/2 does.
    const entries = Object.entries(error?.metadata.toHttp2Headers() ?? {});
    const size = entries.reduce(
      (sum, [name, value]) => sum + name.length + String(value).length + 32,
      0,
    );
    expect(size + encodeURI(error?.details ?? "").length).toBeLessThan(8 * 1024);
    client.close();
  });

  test("does not take the longest text with it", async () => {
    const text = "漢".repeat(10_000);
    const thrown = new RpcError(Code.ABORTED, text, {
      details: [{ type: "ErrorInfo", value: samples.ErrorInfo }],
    });
    await using echo = await startEcho(failing(thrown));
    const error = await failureOf(callAny(echo.client, "echo"));
    expect(error.code).toBe(Code.ABORTED);
    expect(error.reason).toBe("SOLD_OUT");
    // On this side nothing is cut: the log has it all.
    expect(thrown.text).toBe(text);
  });

  test("is a detail that is too large by itself, and those behind it are kept by their order", () => {
    const large: ErrorDetail = {
      type: "DebugInfo",
      value: { stackEntries: [], detail: "x".repeat(5_000) },
    };
    const small: ErrorDetail = { type: "RequestInfo", value: samples.RequestInfo };
    const kept = (...each: ErrorDetail[]) =>
      decodeDetails(encodeStatus(Code.ABORTED, "failed", each));
    expect(kept(small, large)).toEqual([small]);
    expect(kept(large, small)).toEqual([]);
    expect(kept(small, small)).toEqual([small, small]);
    const one = {
      ...violations[0],
      field: "x".repeat(5_000),
      description: "",
      reason: "",
      localizedMessage: undefined,
    };
    expect(kept({ type: "BadRequest", value: { fieldViolations: [one] } })).toEqual([]);
  });
});

test("a detail that cannot be encoded is left out, and the status is sent", async () => {
  const wrong: ErrorDetail = {
    type: "RetryInfo",
    // @ts-expect-error must not compile: a text is no number
    value: { retryDelay: { seconds: 1n, nanos: "many" } },
  };
  const right: ErrorDetail = { type: "RequestInfo", value: samples.RequestInfo };
  const thrown = new RpcError(Code.ABORTED, "failed", { details: [wrong, right] });
  await using echo = await startEcho(failing(thrown));
  for (const method of methods) {
    const error = await failureOf(callAny(echo.client, method));
    expect(error).toMatchObject({ code: Code.ABORTED, text: "failed", details: [right] });
  }
});

describe("from a peer", () => {
  const statusWith = (bytes: Buffer): RpcError => {
    const metadata = new Metadata();
    metadata.set("grpc-status-details-bin", bytes);
    return RpcError.fromStatus({ code: Code.ABORTED, details: "failed", metadata });
  };

  test("details of unknown types are passed over", () => {
    const known = Status.decode(encodeStatus(Code.ABORTED, "failed", details.slice(0, 1))).details;
    const unknown = [
      { typeUrl: "type.googleapis.com/google.rpc.Unheard", value: Buffer.of(1, 2, 3) },
      { typeUrl: "type.googleapis.com/other.BadRequest", value: Buffer.of() },
      { typeUrl: "type.googleapis.com/google.rpc.constructor", value: Buffer.of() },
      { typeUrl: "", value: Buffer.of() },
    ];
    const bytes = Status.encode({
      code: 10,
      message: "",
      details: [...unknown, ...known],
    }).finish();
    expect(statusWith(Buffer.from(bytes)).details).toEqual(details.slice(0, 1));
  });

  test.each([
    ["nothing", Buffer.of()],
    ["no message", Buffer.of(0xff, 0xff, 0xff)],
    ["half a message", encodeStatus(Code.ABORTED, "failed", details).subarray(0, 100)],
  ])("%s for details is none", (_name, bytes) => {
    const error = statusWith(bytes);
    expect(error).toMatchObject({ code: Code.ABORTED, text: "failed", details: [] });
  });
});
