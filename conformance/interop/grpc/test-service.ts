import { setTimeout as delay } from "node:timers/promises";
import { type CallContext, Code, implement, RpcError, type Service } from "@org/kit";
import type { OutputRequest, PayloadResponse, TestingContract } from "./testing-contract.ts";

const echoedInHeader = "x-grpc-test-echo-initial";
const echoedInTrailer = "x-grpc-test-echo-trailing-bin";

/**
 * grpc.testing.TestService, as the descriptions of the interop tests have it, but for what the kit does not offer:
 * a handler is not told whether a message came compressed, and cannot have its answer compressed.
 */
export function testService({ TestServiceDefinition }: TestingContract): Service {
  const { emptyCall, unaryCall, streamingInputCall, streamingOutputCall, fullDuplexCall } =
    TestServiceDefinition.methods;
  // The methods that are left out are answered as any that a service has not: UNIMPLEMENTED.
  const methods = { emptyCall, unaryCall, streamingInputCall, streamingOutputCall, fullDuplexCall };

  async function* answers(
    request: OutputRequest,
    call: CallContext,
  ): AsyncGenerator<PayloadResponse> {
    for (const { size, intervalUs } of request.responseParameters) {
      if (intervalUs > 0) await delay(intervalUs / 1000, undefined, { signal: call.signal });
      const payload = zeros(size, request.responseType);
      yield streamingOutputCall.responseType.fromPartial({ payload });
    }
  }

  return implement(
    { ...TestServiceDefinition, methods },
    {
      emptyCall: () => ({}),
      unaryCall({ responseSize, responseType, responseStatus }, call) {
        echoMetadata(call);
        throwStatus(responseStatus);
        return unaryCall.responseType.fromPartial({ payload: zeros(responseSize, responseType) });
      },
      async streamingInputCall(requests) {
        let aggregatedPayloadSize = 0;
        for await (const { payload } of requests) {
          aggregatedPayloadSize += payload?.body.length ?? 0;
        }
        return { aggregatedPayloadSize };
      },
      streamingOutputCall: answers,
      async *fullDuplexCall(requests, call) {
        echoMetadata(call);
        for await (const request of requests) {
          throwStatus(request.responseStatus);
          yield* answers(request, call);
        }
      },
    },
  );
}

function zeros(size: number, type: number): NonNullable<PayloadResponse["payload"]> {
  if (type !== 0) throw new RpcError(Code.INVALID_ARGUMENT, `there is no payload of type ${type}`);
  return { type, body: Buffer.alloc(size) };
}

function throwStatus(status: OutputRequest["responseStatus"]): void {
  if (status === undefined || status.code === Code.OK) return;
  throw new RpcError(status.code, status.message);
}

function echoMetadata({ metadata, header, trailer }: CallContext): void {
  for (const value of metadata.get(echoedInHeader)) header.set(echoedInHeader, value);
  for (const value of metadata.get(echoedInTrailer)) trailer.set(echoedInTrailer, value);
}
