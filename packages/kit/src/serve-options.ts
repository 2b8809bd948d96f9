import type { ChannelOptions } from "@grpc/grpc-js";
import type { Authenticate } from "./authentication.ts";
import type { Service } from "./implement.ts";
import type { Logger } from "./logger.ts";
import type { ServerConfig } from "./server-config.ts";
import type { ServerTls } from "./tls-acceptor.ts";

/** What a server is made of. */
export interface ServeOptions {
  /** What the server answers, from {@link implement}. */
  readonly services: readonly Service[];
  /**
   * The configuration, from `readServerConfig`: the address and port, TLS, the age of connections, and who calls
   * are taken from it where nothing else is set here.
   */
  readonly config?: ServerConfig & { readonly GRPC_PORT: number };
  /** The address to listen on; `127.0.0.1`, which other machines do not reach, by default. */
  readonly host?: string;
  /** The port to listen on; 0, which takes a free one, by default. */
  readonly port?: number;
  /** How connections are secured; plaintext by default. */
  readonly tls?: ServerTls;
  /** Encoded google.protobuf.FileDescriptorSets to answer reflection from; no reflection by default. */
  readonly descriptorSets?: readonly Uint8Array[];
  /** The largest request that is accepted, in bytes, where the contract does not say less; 10 MiB by default. */
  readonly maxReceiveMessageBytes?: number;
  /** The largest answer that is sent, in bytes; 10 MiB by default. */
  readonly maxSendMessageBytes?: number;
  /**
   * How old a connection gets before its client is asked to make a new one, in milliseconds, by up to 10 % more or
   * less; 5 minutes by default. The calls on it go on. A new replica gets no calls before that.
   */
  readonly maxConnectionAgeMs?: number;
  /**
   * How often a client is asked whether it is still there, in milliseconds; 30,000 by default. One that has not
   * answered by the next time is disconnected, and its calls are cancelled.
   */
  readonly keepaliveMs?: number;
  /** How many connections there may be at a time; 1,000 by default. */
  readonly maxConnections?: number;
  /** How many calls there may be at a time, on all connections; 4,000 by default. More get UNAVAILABLE. */
  readonly maxConcurrentCalls?: number;
  /**
   * Whether calls are refused, with UNAVAILABLE and when to try again, while those that are there take much longer
   * than usual; true by default. Without it, all of them become late together.
   */
  readonly loadShedding?: boolean;
  /**
   * Whether a unary call is refused that has less time left than half of the calls of its method need; false by
   * default.
   */
  readonly refuseHopelessCalls?: boolean;
  /**
   * How many calls one principal may make in a second, by its name; no limit by default. More get
   * RESOURCE_EXHAUSTED, and when to try again.
   */
  readonly maxCallsPerSecondPerPrincipal?: number | undefined;
  /**
   * How long a connection may take to show that it is HTTP/2, TLS included, in milliseconds; 5,000 by default. It
   * is closed then.
   */
  readonly helloTimeoutMs?: number;
  /**
   * How long the next bytes of a request may take, in milliseconds; 8,000 by default. Its call gets
   * DEADLINE_EXCEEDED then. Between the requests of a stream there is no such limit.
   */
  readonly requestTimeoutMs?: number;
  /** How long a shutdown waits for calls before it cuts them off, in milliseconds; 10,000 by default. */
  readonly graceMs?: number;
  /**
   * Whether SIGTERM and SIGINT shut the server down, after which the process ends by itself unless
   * something else keeps it; true by default. A second signal ends the process at once.
   */
  readonly signals?: boolean;
  /**
   * Tells who calls. Without it nobody is asked who they are, and the scopes of the contract are not
   * enforced. With it, every method needs a policy.
   */
  readonly authenticate?: Authenticate;
  /**
   * Whether callers are told with which status a handler should not have answered; otherwise only the
   * log is. By default, unless the environment variable `NODE_ENV` is `production`.
   */
  readonly development?: boolean;
  /** What to close when the last call is over, such as a database. */
  readonly onClosed?: () => Promise<void> | void;
  /** Where to log; a logger of its own on the standard output by default. */
  readonly logger?: Logger;
  /** grpc-js's own options; they win over those above. */
  readonly channelOptions?: ChannelOptions;
}
