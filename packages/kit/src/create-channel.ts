import type { Channel, ChannelOptions } from "@grpc/grpc-js";
import { z } from "zod";
import type { Balancing } from "./balancing.ts";
import { ChannelGroup } from "./channel-group.ts";
import { type ClientTls, TlsConnector } from "./client-tls.ts";
import { ConnectionCredentials } from "./connection-credentials.ts";
import type { ServiceDefinition } from "./definition.ts";
import { keepHeadersOutOfLog } from "./grpc-js-log.ts";
import { http2SettingsOf } from "./http2-channel.ts";
import { defaultMaxMessageBytes } from "./limits.ts";
import type { Logger } from "./logger.ts";
import { serviceConfigOf } from "./service-config.ts";
import { requireServiceConfig } from "./service-config-schema.ts";
import { StreamResets } from "./stream-resets.ts";
import type { WireCall } from "./wire-call.ts";

/**
 * How many bytes of one call's requests are kept for a retry: 64 KiB. A call that sends more is not
 * retried. grpc-js's own 1 MiB makes long streams of small requests slow: once that is full, it copies
 * the list of all that is kept for each message that follows.
 */
const retryBufferBytes = 64 * 1024;

/** How long after a connection could not be made, or was lost, the next one is tried, in milliseconds: at first, and at the most. */
const reconnectMs = { first: 100, most: 1_000 };

/** How often a name is looked up at the most, in milliseconds. grpc-js's own 30 s would be how long new replicas wait. */
const resolveIntervalMs = 1_000;

/** Where a channel leads, and how. */
export interface ChannelSettings {
  /**
   * What to connect to, in gRPC's own syntax (https://github.com/grpc/grpc/blob/master/doc/naming.md):
   * `dns:///product-service:50051`, all addresses of a name; `ipv4:10.0.0.1:50051,10.0.0.2:50051`, a list;
   * or just `127.0.0.1:50051`.
   */
  readonly target: string;
  /**
   * The services that are called on it: their contracts say which calls are retried, and how. None by
   * default, which is enough for services whose contract says nothing of that.
   */
  readonly services?: readonly ServiceDefinition[];
  /** How connections are secured; plaintext by default. */
  readonly tls?: ClientTls;
  /** How calls are spread over the replicas; over all of them in turns by default, without those that fail. */
  readonly balancing?: Balancing;
  /**
   * How many connections there are to each replica; 1 by default. Each carries as many calls at a time, and takes
   * as many cancellations, as the server allows.
   */
  readonly connections?: number;
  /**
   * How often a ping is sent on a connection that has calls waiting, in milliseconds; 250 by default, which
   * servers of the kit allow. A replica that answers none for 350 more gets no new calls while another does,
   * and is disconnected after 3,000 more; after 10,000 where there is no other. Servers of other makers may allow no
   * more than one in 300,000.
   */
  readonly keepaliveMs?: number;
  /** The largest answer that is accepted, in bytes, -1 for any; 10 MiB by default. */
  readonly maxReceiveMessageBytes?: number;
  /** The largest request that is sent, in bytes, -1 for any; 10 MiB by default. */
  readonly maxSendMessageBytes?: number;
  /**
   * Who makes the calls of `createClient`. `http2`, the default: the kit itself, on the connections that grpc-js makes
   * and balances. `grpc-js`: grpc-js's own layers, which take up to twice the processor time for a unary call; also
   * where `channelOptions` ask for what only they do: hedging, timeouts in a service config, one from a name server,
   * compressed requests, or channelz. Either way calls behave the same, but for the texts of some errors, and for what
   * grpc-js gets wrong: of a stream that ends with an error, the last messages can be lost
   * (https://github.com/grpc/grpc-node/issues/2764), and an answer that is cut short before OK is an answer.
   */
  readonly calls?: "http2" | "grpc-js";
  /** Where to log calls that were retried, replicas that are silent, and certificates; nowhere by default. */
  readonly logger?: Logger;
  /** grpc-js's own options; they win over those above. */
  readonly channelOptions?: ChannelOptions;
}

/** What clients have to know of their channel. */
export interface ChannelDetails {
  readonly settings: ChannelSettings;
  readonly resets: StreamResets;
  /** What begins calls of a method, given its path. It throws where the channel is closed. */
  opener(path: string): () => WireCall;
}

const detailsOf = new WeakMap<Channel, ChannelDetails>();

/** What a channel was opened with; undefined of one that was not opened by {@link createChannel}. */
export function channelDetailsOf(channel: Channel): ChannelDetails | undefined {
  return detailsOf.get(channel);
}

/**
 * Opens a channel: it connects when its first call is made, and again whenever it has to.
 *
 * Throws a TypeError that names the setting which is wrong, and a `TlsFileError` for files that are of no use.
 */
export function createChannel(settings: ChannelSettings): Channel {
  const {
    target,
    services = [],
    tls,
    balancing = {},
    connections = 1,
    keepaliveMs = 250,
    maxReceiveMessageBytes = defaultMaxMessageBytes,
    maxSendMessageBytes = defaultMaxMessageBytes,
    calls = "http2",
    logger,
    channelOptions,
  } = settings;
  keepHeadersOutOfLog();
  requireSettings({
    target,
    connections,
    keepaliveMs,
    maxReceiveMessageBytes,
    maxSendMessageBytes,
    serverName: tls?.serverName,
    secure: tls !== undefined,
  });
  const options = {
    "grpc.max_receive_message_length": maxReceiveMessageBytes,
    "grpc.max_send_message_length": maxSendMessageBytes,
    "grpc.per_rpc_retry_buffer_size": retryBufferBytes,
    "grpc.initial_reconnect_backoff_ms": reconnectMs.first,
    "grpc.max_reconnect_backoff_ms": reconnectMs.most,
    "grpc.dns_min_time_between_resolutions_ms": resolveIntervalMs,
    // Otherwise `http_proxy` is obeyed, even on the way to this machine.
    "grpc.enable_http_proxy": 0,
    // It keeps a record of each connection and call that nobody reads here.
    "grpc.enable_channelz": 0,
    // The contract decides, and not what a name server says.
    "grpc.service_config": serviceConfigOf(services, balancing),
    "grpc.service_config_disable_resolution": 1,
    ...(connections > 1 && { "grpc.use_local_subchannel_pool": 1 }),
    ...channelOptions,
  };
  requireServiceConfig(options["grpc.service_config"]);
  const connector = tls && new TlsConnector(tls, logger);
  const resets = new StreamResets();
  const credentials = new ConnectionCredentials(connector, {
    keepaliveMs,
    logger,
    isOneOfSeveral: connections > 1,
    onStreamLimit: (limit) => {
      resets.allows(limit);
    },
  });
  const http2 =
    calls === "grpc-js"
      ? undefined
      : http2SettingsOf(options, {
          scheme: tls === undefined ? "http" : "https",
          balancesByTrailers: channelOptions?.["grpc.service_config"] !== undefined,
        });
  const channel = new ChannelGroup({
    size: connections,
    target,
    credentials,
    options,
    http2,
    resets,
  });
  detailsOf.set(channel, { settings, resets, opener: (path) => channel.opener(path) });
  return channel;
}

const messageBytes = z
  .int({ error: "must be a whole number of bytes, or -1 for any" })
  .min(-1, { error: "must be a whole number of bytes, or -1 for any" });

const schema = z
  .object({
    target: z.string().regex(/^(?!https?:)[^\s\p{Cc}]+$/u, {
      error: "must be gRPC's, such as dns:///product-service:50051, and no URL",
    }),
    connections: z.int().min(1).max(100),
    maxReceiveMessageBytes: messageBytes,
    maxSendMessageBytes: messageBytes,
    keepaliveMs: z.int().min(10),
    serverName: z.string().min(1).optional(),
    secure: z.boolean(),
  })
  .refine(
    ({ target, serverName, secure }) =>
      !secure || serverName !== undefined || !target.includes(","),
    {
      path: ["tls.serverName"],
      error: "must be set for a list of addresses: the name that the servers' certificates have",
    },
  );

function requireSettings(settings: z.input<typeof schema>): void {
  const { error } = schema.safeParse(settings);
  if (error === undefined) return;
  throw new TypeError(`the channel cannot be opened: ${z.prettifyError(error)}`);
}
