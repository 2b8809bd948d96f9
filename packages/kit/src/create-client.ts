import type { Channel } from "@grpc/grpc-js";
import { authorized } from "./authorized-call.ts";
import type { CallOptions } from "./call-options.ts";
import { clientCallsOf } from "./call-metrics.ts";
import { readCallScopes } from "./call-scope.ts";
import { ClientCall } from "./client-call.ts";
import { DeadlineQueue } from "./deadline-queue.ts";
import {
  decoderOf,
  framedEncoderOf,
  kindOf,
  type MethodDefinition,
  type MethodKind,
  pathOf,
  type RequestOf,
  type ResponseOf,
  type ServiceDefinition,
} from "./definition.ts";
import { codeName } from "./code.ts";
import { channelDetailsOf } from "./create-channel.ts";
import { GrpcJsCall } from "./grpc-js-call.ts";
import type { Logger } from "./logger.ts";
import type { MethodCaller } from "./method-caller.ts";
import { neverLog } from "./redaction.ts";
import type { Inputs } from "./request-stream.ts";
import { sparingly } from "./sparingly.ts";
import { StreamResets } from "./stream-resets.ts";
import type { Token } from "./token.ts";

/** How long a call that answers with one message may take where nothing else is set, in milliseconds. */
export const defaultTimeoutMs = 15_000;

/** A message to send: fields that are left out have their defaults. */
export type MessageInput<T> = T extends Uint8Array | Date | string | number | boolean | bigint
  ? T
  : T extends readonly (infer E)[]
    ? readonly MessageInput<E>[]
    : T extends { readonly $case: infer C; readonly value: infer V }
      ? { readonly $case: C; readonly value: MessageInput<V> }
      : T extends object
        ? { readonly [K in keyof T]?: MessageInput<T[K]> | undefined }
        : T;

/** Messages to send, as they come: an array will do, so will a generator. */
export type MessageInputs<T> = AsyncIterable<MessageInput<T>> | Iterable<MessageInput<T>>;

/**
 * The function that calls one method: its shape follows from how many messages go each way. A call
 * that fails throws an `RpcError`. To leave the loop over a stream cancels its call.
 */
export type ClientMethod<M extends MethodDefinition> = M extends { readonly requestStream: true }
  ? M extends { readonly responseStream: true }
    ? (
        requests: MessageInputs<RequestOf<M>>,
        options?: CallOptions,
      ) => AsyncIterableIterator<ResponseOf<M>, undefined>
    : (requests: MessageInputs<RequestOf<M>>, options?: CallOptions) => Promise<ResponseOf<M>>
  : M extends { readonly responseStream: true }
    ? (
        request: MessageInput<RequestOf<M>>,
        options?: CallOptions,
      ) => AsyncIterableIterator<ResponseOf<M>, undefined>
    : (request: MessageInput<RequestOf<M>>, options?: CallOptions) => Promise<ResponseOf<M>>;

/** One function for each method of a service. */
export type Client<D extends ServiceDefinition> = {
  readonly [K in keyof D["methods"]]: ClientMethod<D["methods"][K]>;
};

/** What a client is made of. */
export interface ClientOptions {
  /** What carries the calls, from {@link createChannel}; several clients can share one. */
  readonly channel: Channel;
  /**
   * How long a call may take in milliseconds, where the call itself does not say. By default it is what
   * the contract says of the method; of one without a policy, 15,000 where it answers with one message,
   * and no limit for a stream of answers. No call takes longer than its contract allows.
   */
  readonly timeoutMs?: number;
  /** The full name to call the service by; the contract's by default. */
  readonly serviceName?: string;
  /**
   * What the client shows to be recognised, in the header `authorization`; nothing by default. Over
   * a plaintext channel, everybody on the way can read it.
   */
  readonly token?: Token;
}

/** No timer holds more milliseconds. */
const maxTimerMs = 2 ** 31 - 1;

/**
 * Makes a client whose functions are typed by the definition that the contract generates.
 *
 * Throws a TypeError where the contract has a retry policy that the channel was not opened with.
 */
export function createClient<D extends ServiceDefinition>(
  definition: D,
  { channel, timeoutMs, serviceName = definition.fullName, token }: ClientOptions,
): Client<D> {
  const { policy: common, fullName } = definition;
  const target = channel.getTarget();
  neverLog(common?.redactedNames ?? []);
  readCallScopes();
  const details = channelDetailsOf(channel);
  const { services = [], logger } = details?.settings ?? {};
  const isOpenedFor = services.some((service) => service.fullName === fullName);
  if (common?.retry !== undefined && details !== undefined && !isOpenedFor) {
    throw new TypeError(
      `the channel was not opened for ${fullName}, whose calls would not be retried: name its definition in the \`services\` of createChannel`,
    );
  }
  const resets = details?.resets ?? new StreamResets();
  const methods = Object.entries(definition.methods).map(([key, method]) => {
    const { requestType, responseType, policy } = method;
    const usual = policy?.defaultTimeoutMs ?? (method.responseStream ? Infinity : defaultTimeoutMs);
    const maxTimeoutMs = policy?.maxTimeoutMs ?? Infinity;
    const own = Math.min(timeoutMs ?? usual, maxTimeoutMs);
    const isRetried =
      common?.retry !== undefined && policy !== undefined && policy.idempotency !== "UNKNOWN";
    const encode = framedEncoderOf(requestType);
    const path = pathOf(serviceName, method);
    const caller: MethodCaller = {
      open: details?.opener(path) ?? (() => new GrpcJsCall(channel, path)),
      timeoutMs: own,
      maxTimeoutMs,
      path,
      target,
      metrics: clientCallsOf(target, path),
      resets,
      deadlines: own <= maxTimerMs ? new DeadlineQueue(own, true) : undefined,
      isRetried,
      onRetried: isRetried && logger !== undefined ? logRetries(logger, path) : undefined,
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- ClientMethod has checked it; the generated type asks for more than TypeScript can follow here.
      encode: (input) => encode(requestType.fromPartial(input as never)),
      decode: decoderOf(responseType),
    };
    const call = callers[kindOf(method)](caller);
    return [
      key,
      token === undefined
        ? call
        : authorized(call, { answersWithStream: method.responseStream, timeoutMs: own }, token),
    ] as const;
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- It holds a function of the right kind for each method, which no type of `fromEntries` can say.
  return Object.fromEntries(methods) as Client<D>;
}

function logRetries(logger: Logger, path: string): MethodCaller["onRetried"] {
  const log = sparingly((fields) => {
    logger.info({ path, ...fields }, "a call was retried");
  });
  return (retries, { code }) => {
    log({ retries, code: codeName(code) });
  };
}

type UntypedMethod = (input: never, options?: CallOptions) => unknown;

/** Makes the function that calls a method. */
const callers: Readonly<Record<MethodKind, (caller: MethodCaller) => UntypedMethod>> = {
  unary: (caller) => (request: unknown, options?: CallOptions) => {
    return new ClientCall(caller, options).receiveOne((call) => {
      call.sendOne(request);
    });
  },
  clientStream: (caller) => (requests: Inputs, options?: CallOptions) => {
    return new ClientCall(caller, options).receiveOne((call) => void call.sendAll(requests));
  },
  serverStream: (caller) => (request: unknown, options?: CallOptions) => {
    const call = new ClientCall(caller, options);
    const answers = call.receiveMany();
    call.sendOne(request);
    return answers;
  },
  bidi: (caller) => (requests: Inputs, options?: CallOptions) => {
    const call = new ClientCall(caller, options);
    const answers = call.receiveMany();
    void call.sendAll(requests);
    return answers;
  },
};
