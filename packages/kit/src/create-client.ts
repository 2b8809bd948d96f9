import {
  Channel,
  type ChannelCredentials,
  type ChannelOptions,
  credentials as grpcCredentials,
} from "@grpc/grpc-js";
import { authorized } from "./authorized-call.ts";
import type { CallOptions } from "./call-options.ts";
import { readCallScopes } from "./call-scope.ts";
import { ClientCall, type Inputs, type MethodCaller } from "./client-call.ts";
import {
  encoderOf,
  kindOf,
  type MethodDefinition,
  type MethodKind,
  pathOf,
  type RequestOf,
  type ResponseOf,
  type ServiceDefinition,
} from "./definition.ts";
import { defaultMaxMessageBytes } from "./limits.ts";
import { neverLog } from "./redaction.ts";
import { serviceConfigOf } from "./service-config.ts";
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

/**
 * How many bytes of one call's requests are kept for a retry: 64 KiB. A call that sends more is not
 * retried. grpc-js's own 1 MiB makes long streams of small requests slow: once that is full, it copies
 * the list of all that is kept for each message that follows.
 */
const retryBufferBytes = 64 * 1024;

/** Where a channel leads, and how. */
export interface ChannelSettings {
  /**
   * The services that are called on it: their contracts say which calls are retried, and how. None by
   * default, which is enough for services whose contract says nothing of that.
   */
  readonly services?: readonly ServiceDefinition[];
  /** What to connect to: `dns:///product-service:50051`, or `127.0.0.1:50051`. */
  readonly target: string;
  /** How connections are secured; plaintext by default. */
  readonly credentials?: ChannelCredentials;
  /** The largest answer that is accepted, in bytes; 10 MiB by default. */
  readonly maxReceiveMessageBytes?: number;
  /** The largest request that is sent, in bytes; 10 MiB by default. */
  readonly maxSendMessageBytes?: number;
  /** grpc-js's own options; they win over those above. */
  readonly channelOptions?: ChannelOptions;
}

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

/** For which services the channels were opened. */
const servicesOf = new WeakMap<Channel, ReadonlySet<string>>();

/** Opens a channel: it connects when its first call is made, and again whenever it has to. */
export function createChannel(settings: ChannelSettings): Channel {
  const {
    target,
    services = [],
    credentials = grpcCredentials.createInsecure(),
    maxReceiveMessageBytes = defaultMaxMessageBytes,
    maxSendMessageBytes = defaultMaxMessageBytes,
    channelOptions,
  } = settings;
  const config = serviceConfigOf(services);
  const channel = new Channel(target, credentials, {
    "grpc.max_receive_message_length": maxReceiveMessageBytes,
    "grpc.max_send_message_length": maxSendMessageBytes,
    "grpc.per_rpc_retry_buffer_size": retryBufferBytes,
    // Otherwise `http_proxy` is obeyed, even on the way to this machine.
    "grpc.enable_http_proxy": 0,
    // It keeps a record of each connection and call that nobody reads here.
    "grpc.enable_channelz": 0,
    // The contract decides, and not what a name server says.
    ...(config !== undefined && {
      "grpc.service_config": config,
      "grpc.service_config_disable_resolution": 1,
    }),
    ...channelOptions,
  });
  servicesOf.set(channel, new Set(services.map(({ fullName }) => fullName)));
  return channel;
}

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
  neverLog(common?.redactedNames ?? []);
  readCallScopes();
  if (common?.retry !== undefined && servicesOf.get(channel)?.has(fullName) === false) {
    throw new TypeError(
      `the channel was not opened for ${fullName}, whose calls would not be retried: name its definition in the \`services\` of createChannel`,
    );
  }
  const methods = Object.entries(definition.methods).map(([key, method]) => {
    const { requestType, responseType, policy } = method;
    const usual = policy?.defaultTimeoutMs ?? (method.responseStream ? Infinity : defaultTimeoutMs);
    const encode = encoderOf(requestType);
    const caller: MethodCaller = {
      channel,
      path: pathOf(serviceName, method),
      timeoutMs: timeoutMs ?? usual,
      maxTimeoutMs: policy?.maxTimeoutMs ?? Infinity,
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- ClientMethod has checked it; the generated type asks for more than TypeScript can follow here.
      encode: (input) => encode(requestType.fromPartial(input as never)),
      decode: (bytes) => responseType.decode(bytes),
    };
    const call = callers[kindOf(method)](caller);
    return [
      key,
      token === undefined ? call : authorized(call, method.responseStream, token),
    ] as const;
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- It holds a function of the right kind for each method, which no type of `fromEntries` can say.
  return Object.fromEntries(methods) as Client<D>;
}

type UntypedMethod = (input: never, options?: CallOptions) => unknown;

/** Makes the function that calls a method. */
const callers: Readonly<Record<MethodKind, (caller: MethodCaller) => UntypedMethod>> = {
  unary: (caller) => (request: unknown, options?: CallOptions) => {
    const call = new ClientCall(caller, options);
    return call.receiveOne(() => {
      call.sendOne(request);
    });
  },
  clientStream: (caller) => (requests: Inputs, options?: CallOptions) => {
    const call = new ClientCall(caller, options);
    return call.receiveOne(() => void call.sendAll(requests));
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
