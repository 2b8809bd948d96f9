import { setTimeout as delay } from "node:timers/promises";
import { type CallContext, implement, type MessageType, type Service } from "@org/kit";
import type {
  Answer,
  Any,
  Failure,
  Messages,
  RequestInfo,
  StreamDefinition,
  UnaryDefinition,
} from "./connect-messages.ts";
import { toHeaders, toMetadata, toRpcError } from "./connect-status.ts";

const packageName = "type.googleapis.com/connectrpc.conformance.v1";

/** Answers as each request says, and tells what has come: connectrpc.conformance.v1.ConformanceService. */
export function conformanceService(messages: Messages): Service {
  const { ConformanceServiceDefinition: definition, ConformancePayload_RequestInfo } = messages;
  // The suite wants one method that a server does not have.
  const { unimplemented: _, ...methods } = definition.methods;

  const fail = (failure: Failure, info: RequestInfo | undefined): never => {
    const echo =
      info && toAny(ConformancePayload_RequestInfo, "ConformancePayload.RequestInfo", info);
    const details = echo === undefined ? failure.details : [...failure.details, echo];
    throw toRpcError(messages, { ...failure, details });
  };

  const answer = async (
    how: UnaryDefinition | undefined,
    requests: readonly Any[],
    call: CallContext,
  ): Promise<Answer> => {
    const info = infoOf(call, requests);
    if (how === undefined) return answerOf(nothing, info);
    announce(call, how);
    await pause(call, how);
    if (how.response?.$case === "error") return fail(how.response.value, info);
    return answerOf(how.response?.value ?? nothing, info);
  };

  const unaryNamed =
    (name: string) =>
    (request: Parameters<typeof methods.unary.requestType.encode>[0], call: CallContext) =>
      answer(request.responseDefinition, [toAny(methods.unary.requestType, name, request)], call);

  return implement(
    { ...definition, methods },
    {
      unary: unaryNamed("UnaryRequest"),
      idempotentUnary: unaryNamed("IdempotentUnaryRequest"),

      async clientStream(requests, call) {
        const received: Any[] = [];
        let how: UnaryDefinition | undefined;
        for await (const request of requests) {
          if (received.length === 0) how = request.responseDefinition;
          received.push(toAny(methods.clientStream.requestType, "ClientStreamRequest", request));
        }
        return answer(how, received, call);
      },

      async *serverStream(request, call) {
        const how = request.responseDefinition;
        if (how === undefined) return;
        announce(call, how);
        const received = [toAny(methods.serverStream.requestType, "ServerStreamRequest", request)];
        for (const [index, data] of how.responseData.entries()) {
          await pause(call, how);
          yield answerOf(data, index === 0 ? infoOf(call, received) : undefined);
        }
        if (how.error === undefined) return;
        fail(how.error, how.responseData.length === 0 ? infoOf(call, received) : undefined);
      },

      async *bidiStream(requests, call) {
        let how: StreamDefinition | undefined;
        let fullDuplex = false;
        let isFirst = true;
        let received: Any[] = [];
        let sent = 0;
        for await (const request of requests) {
          received.push(toAny(methods.bidiStream.requestType, "BidiStreamRequest", request));
          if (isFirst) {
            ({ responseDefinition: how, fullDuplex } = request);
            if (how !== undefined) announce(call, how);
            isFirst = false;
          }
          if (!fullDuplex) continue;
          const data = how?.responseData[sent];
          if (how === undefined || data === undefined) break;
          await pause(call, how);
          yield answerOf(data, sent === 0 ? infoOf(call, received) : requestsOnly(received));
          received = [];
          sent += 1;
        }
        if (how === undefined) return;
        for (const data of how.responseData.slice(sent)) {
          await pause(call, how);
          yield answerOf(data, sent === 0 ? infoOf(call, received) : undefined);
          sent += 1;
        }
        if (how.error === undefined) return;
        fail(how.error, sent === 0 ? infoOf(call, received) : undefined);
      },
    },
  );
}

const nothing = Buffer.alloc(0);

function answerOf(data: Buffer, requestInfo: RequestInfo | undefined): Answer {
  return { payload: { data, requestInfo } };
}

/** Has the headers and trailers sent, together with the first answer and the status. */
function announce(call: CallContext, how: UnaryDefinition | StreamDefinition): void {
  call.header.merge(toMetadata(how.responseHeaders));
  call.trailer.merge(toMetadata(how.responseTrailers));
}

function pause(call: CallContext, { responseDelayMs }: { responseDelayMs: number }): Promise<void> {
  return responseDelayMs === 0
    ? Promise.resolve()
    : delay(responseDelayMs, undefined, { signal: call.signal });
}

function infoOf(call: CallContext, requests: readonly Any[]): RequestInfo {
  const { deadline, metadata } = call;
  const timeoutMs = deadline && BigInt(Math.max(0, deadline.getTime() - Date.now()));
  return { ...requestsOnly(requests), requestHeaders: toHeaders(metadata), timeoutMs };
}

function requestsOnly(requests: readonly Any[]): RequestInfo {
  return { requestHeaders: [], requests, connectGetInfo: undefined };
}

function toAny<T>(type: MessageType<T>, name: string, message: T): Any {
  return { typeUrl: `${packageName}.${name}`, value: Buffer.from(type.encode(message).finish()) };
}
