import { sensitiveHeaders } from "node:http2";
import { type Channel, type ChannelOptions, connectivityState, type Metadata } from "@grpc/grpc-js";
import { z } from "zod";
import type { CallTrace } from "./call-trace.ts";
import { FixedMetadata } from "./fixed-metadata.ts";
import { GrpcJsCall } from "./grpc-js-call.ts";
import { type ChannelInternals, type Connection, internalsOf } from "./grpc-js-internals.ts";
import { Http2Call } from "./http2-call.ts";
import type { KeptBytes } from "./kept-requests.ts";
import { retryRulesOf, type RetryRules, RetryThrottle } from "./retry-rules.ts";
import { timeoutHeader } from "./timed-metadata.ts";
import type { WireCall, WireRequest } from "./wire-call.ts";

/** What grpc-js has where its options say nothing. */
const defaultAttempts = 5;
const defaultMessageBytes = 4 * 1024 * 1024;
const defaultKeptBytes = { ofChannel: 16 * 1024 * 1024, ofCall: 1024 * 1024 };

const throttling = z.object({
  retryThrottling: z.object({ maxTokens: z.number(), tokenRatio: z.number() }).optional(),
  methodConfig: z
    .array(z.object({ timeout: z.unknown().optional(), hedgingPolicy: z.unknown().optional() }))
    .default([]),
});

/** What the calls on a channel share. */
export interface Http2Settings {
  readonly maxReceiveBytes: number;
  /** Infinity where any size may be sent. */
  readonly maxSendBytes: number;
  /** How many bytes of requests are kept for retries. */
  readonly keptBytes: { readonly ofChannel: number; readonly ofCall: number };
  /** How often a call is tried at the most, whatever its service config says. */
  readonly maxAttempts: number;
  readonly throttle: RetryThrottle | undefined;
  readonly scheme: "http" | "https";
  /** Whether the balancing may be one of grpc-js's that reads the trailers of calls. */
  readonly balancesByTrailers: boolean;
}

/**
 * The settings for calls that the kit makes itself; undefined where the options ask for what only grpc-js's own calls
 * do: hedging, timeouts in the service config or a service config from the name server, compressed requests, channelz.
 */
export function http2SettingsOf(
  options: ChannelOptions,
  { scheme, balancesByTrailers }: Pick<Http2Settings, "scheme" | "balancesByTrailers">,
): Http2Settings | undefined {
  const config = throttling.safeParse(JSON.parse(options["grpc.service_config"] ?? "{}"));
  if (
    !config.success ||
    options["grpc.service_config_disable_resolution"] !== 1 ||
    options["grpc.enable_channelz"] !== 0 ||
    (options["grpc.default_compression_algorithm"] ?? 0) !== 0 ||
    config.data.methodConfig.some(
      ({ timeout, hedgingPolicy }) => timeout !== undefined || hedgingPolicy !== undefined,
    )
  ) {
    return undefined;
  }
  const { retryThrottling } = config.data;
  const maxSendBytes = options["grpc.max_send_message_length"] ?? -1;
  return {
    scheme,
    balancesByTrailers,
    maxReceiveBytes: options["grpc.max_receive_message_length"] ?? defaultMessageBytes,
    maxSendBytes: maxSendBytes === -1 ? Infinity : maxSendBytes,
    keptBytes: {
      ofChannel: options["grpc.retry_buffer_size"] ?? defaultKeptBytes.ofChannel,
      ofCall: options["grpc.per_rpc_retry_buffer_size"] ?? defaultKeptBytes.ofCall,
    },
    maxAttempts:
      options["grpc.enable_retries"] === 0
        ? 1
        : (options["grpc-node.retry_max_attempts_limit"] ?? defaultAttempts),
    throttle: retryThrottling && new RetryThrottle(retryThrottling),
  };
}

/**
 * The way of calls straight to the HTTP/2 connections of a grpc-js channel. That looks names up, connects, balances,
 * backs off and goes idle as ever; only what is done for each call is done here, where it costs less than half.
 */
export class Http2Channel implements KeptBytes {
  readonly settings: Http2Settings;
  readonly internals: ChannelInternals;
  keptBytes = 0;
  /** Whether its connections are what they are taken for: not where this version of grpc-js has others. */
  isUsable = true;
  readonly #channel: Channel;

  private constructor(channel: Channel, internals: ChannelInternals, settings: Http2Settings) {
    this.#channel = channel;
    this.internals = internals;
    this.settings = settings;
  }

  /** Undefined where this version of grpc-js keeps what is needed under other names. */
  static on(channel: Channel, settings: Http2Settings): Http2Channel | undefined {
    const internals = internalsOf(channel);
    return internals && new Http2Channel(channel, internals, settings);
  }

  get mostBytes(): number {
    return this.settings.keptBytes.ofChannel;
  }

  /** Begins a call to a method. Throws where the channel is closed. */
  open(method: Http2Method): WireCall {
    if (!this.isUsable) return new GrpcJsCall(this.#channel, method.path);
    if (this.#channel.getConnectivityState(false) === connectivityState.SHUTDOWN) {
      throw new Error("Channel has been shut down");
    }
    return new Http2Call(method);
  }
}

/** Names and values in turns, and the names of those that get no place in HTTP/2's table of headers. */
type Headers = string[] & Record<typeof sensitiveHeaders, readonly string[] | undefined>;

/** What all calls to a method on a channel have in common. */
export class Http2Method {
  readonly channel: Http2Channel;
  readonly path: string;
  #config: object | undefined;
  #rules: RetryRules | undefined;
  /** Those of the last call, which begin with what all calls send. */
  #headers: Headers | undefined;
  #commonCount = 0;

  constructor(channel: Http2Channel, path: string) {
    this.channel = channel;
    this.path = path;
  }

  /** Begins a call. Throws where the channel is closed. */
  open(): WireCall {
    return this.channel.open(this);
  }

  /** How calls are tried again, by the service config that the channel has now. */
  rulesOf(methodConfig: { readonly retryPolicy?: unknown }): RetryRules | undefined {
    if (methodConfig !== this.#config) {
      this.#config = methodConfig;
      this.#rules = retryRulesOf(methodConfig.retryPolicy, this.channel.settings.maxAttempts);
    }
    return this.#rules;
  }

  /** The headers of a call: names and values in turns. The list is the next call's as well, so it has to be read at once. */
  headersOf(
    { userAgent }: Connection,
    { timing, metadata, trace }: WireRequest,
    retries: number,
  ): readonly string[] {
    if (this.#headers === undefined) {
      this.#headers = this.#commonHeaders(userAgent);
      this.#commonCount = this.#headers.length;
    }
    const headers = this.#headers;
    headers.length = this.#commonCount;
    headers[sensitiveHeaders] = trace && traceKeys;
    if (timing !== undefined) {
      headers.push("grpc-timeout", timeoutHeader(timing.endsAt - Date.now()));
    }
    if (trace !== undefined) addTrace(headers, trace);
    if (retries > 0) headers.push(attemptsKey, String(retries));
    if (metadata !== undefined) addMetadata(headers, metadata, retries > 0);
    return headers;
  }

  #commonHeaders(userAgent: string): Headers {
    const { internals, settings } = this.channel;
    const headers = [
      ...[":method", "POST", ":scheme", settings.scheme],
      ...[":authority", internals.defaultAuthority, ":path", this.path],
      ...["te", "trailers", "content-type", "application/grpc", "user-agent", userAgent],
      ...["grpc-accept-encoding", "identity,deflate,gzip"],
    ];
    return Object.assign(headers, { [sensitiveHeaders]: undefined });
  }
}

const attemptsKey = "grpc-previous-rpc-attempts";

/** These are others with each call, and would push out of the table what is not, such as a token. */
const traceKeys = ["traceparent", "tracestate"];

function addTrace(headers: string[], { traceparent, tracestate }: CallTrace): void {
  headers.push("traceparent", traceparent);
  if (tracestate !== undefined) headers.push("tracestate", tracestate);
}

function addMetadata(headers: string[], metadata: Metadata, isRetry: boolean): void {
  if (metadata instanceof FixedMetadata) {
    headers.push(...metadata.headers);
    return;
  }
  const own = metadata.toHttp2Headers();
  for (const name of Object.keys(own)) {
    // These are the channel's.
    if (name === "user-agent" || (isRetry && name === attemptsKey)) continue;
    const values = own[name];
    if (Array.isArray(values)) for (const value of values) headers.push(name, value);
    else if (values !== undefined) headers.push(name, String(values));
  }
}
