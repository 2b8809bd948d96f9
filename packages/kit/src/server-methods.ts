import type { IncomingHttpHeaders } from "node:http2";
import { answerOnce } from "./answer-once.ts";
import { answerStream } from "./answer-stream.ts";
import { CallContext } from "./call-context.ts";
import { inScopeOf } from "./call-scope.ts";
import type { MethodKind } from "./definition.ts";
import type { Answer } from "./gated-method.ts";
import type { MethodRuntime } from "./method-runtime.ts";
import type { OpenCall } from "./open-call.ts";
import { readRequest } from "./read-request.ts";
import { readRequests, type StreamCheck } from "./read-requests.ts";
import { ServerCall } from "./server-call.ts";

/** Makes what answers each call of a method. */
export const serverMethods: Readonly<Record<MethodKind, (runtime: MethodRuntime) => Answer>> = {
  unary: (runtime) => (open, headers) => {
    const call = ServerCall.begin(runtime, open, headers);
    if (call === undefined) return;
    readRequest(call, (bytes) => {
      const context = beginHandler(runtime, call);
      runtime.live.beginUnary();
      inTurn(runtime, () => {
        answerOnce(runtime, context, call, bytes);
      });
    });
  },

  serverStream: (runtime) => (open, headers) => {
    const call = ServerCall.begin(runtime, open, headers);
    if (call === undefined) return;
    readRequest(call, (bytes) => {
      const context = beginHandler(runtime, call);
      runtime.live.beginStream(call);
      inTurn(runtime, () => {
        void inScopeOf(context, () => answerStream(runtime, context, call, bytes));
      });
    });
  },

  clientStream: (runtime) => (open, headers) => {
    const begun = beginRequests(runtime, open, headers, "gather");
    if (begun === undefined) return;
    const { call, context, requests } = begun;
    inTurn(runtime, () => {
      answerOnce(runtime, context, call, requests);
    });
  },

  bidi: (runtime) => (open, headers) => {
    const begun = beginRequests(runtime, open, headers, "refuse");
    if (begun === undefined) return;
    const { call, context, requests } = begun;
    inTurn(runtime, () => {
      void inScopeOf(context, () => answerStream(runtime, context, call, requests));
    });
  },
};

function beginRequests(
  runtime: MethodRuntime,
  open: OpenCall,
  headers: IncomingHttpHeaders,
  invalid: "gather" | "refuse",
) {
  const call = ServerCall.begin(runtime, open, headers);
  if (call === undefined) return undefined;
  const context = beginHandler(runtime, call);
  runtime.live.beginStream(call);
  const requests = readRequests(call, context, runtime.decode, streamCheckOf(runtime, invalid));
  call.requests = requests;
  return { call, context, requests };
}

function beginHandler(runtime: MethodRuntime, call: ServerCall): CallContext {
  const context = new CallContext(call);
  call.context = context;
  call.open.handlerBegins();
  runtime.noteRetry?.(call.headers);
  return context;
}

function inTurn({ turns }: MethodRuntime, begin: () => void): void {
  if (turns.isOver()) turns.later(begin);
  else begin();
}

/** How the messages of a request stream are checked: as the contract has it, or else as the kind of method suggests. */
function streamCheckOf(
  { check, policy }: MethodRuntime,
  otherwise: "gather" | "refuse",
): StreamCheck | undefined {
  if (policy?.invalidMessages === "ANSWER") return { check: check ?? noCheck, invalid: "answer" };
  return check && { check, invalid: otherwise };
}

function noCheck(): undefined {
  return undefined;
}
