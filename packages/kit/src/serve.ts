import type { Socket } from "node:net";
import { type ChannelOptions, Server, ServerCredentials } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import type { Authenticate } from "./authentication.ts";
import { coalesceStreams } from "./coalescing-call.ts";
import { authenticationOf, serverTlsOf } from "./config-settings.ts";
import { Connections } from "./connections.ts";
import { confirmEnd } from "./confirm-end.ts";
import { descriptorSet as protocolDescriptorSet } from "./gen/descriptor.ts";
import type { Service } from "./implement.ts";
import { defaultMaxConnectionAgeMs, defaultMaxMessageBytes } from "./limits.ts";
import { Listener } from "./listener.ts";
import { LiveCalls } from "./live-calls.ts";
import { createLogger, type Logger } from "./logger.ts";
import { reflectionService } from "./reflection.ts";
import { registerService, requirePolicies } from "./register-service.ts";
import type { ServerConfig } from "./server-config.ts";
import { drain } from "./shutdown.ts";
import { type ServerTls, TlsAcceptor } from "./tls-acceptor.ts";

/** How long a shutdown waits for calls where nothing else is set, in milliseconds. */
export const defaultGraceMs = 10_000;

/** How long a connection may be without calls before it is closed, in milliseconds. */
const maxConnectionIdleMs = 10 * 60_000;

/** How often a client is asked whether it is still there where nothing else is set, in milliseconds. */
const defaultKeepaliveMs = 30_000;

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
  /** The largest request that is accepted, in bytes; 10 MiB by default. */
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

/** A server that is listening. */
export interface RunningServer {
  /** The port it listens on. */
  readonly port: number;
  /** What a client on this machine connects to: `127.0.0.1:50051`. */
  readonly target: string;
  /** Resolves once the server is shut down and everything is closed. */
  readonly closed: Promise<void>;
  /** Shuts down: lets calls finish within the grace, ends streams, closes. Resolves with `closed`. */
  close(): Promise<void>;
}

/** The address cannot be listened on: another process has the port, or it is no address of this machine. */
export class ListenError extends Error {
  static {
    ListenError.prototype.name = "ListenError";
  }
}

/**
 * Starts a server with its services, health and reflection.
 *
 * Throws a {@link ListenError} where the address cannot be bound, a `TlsFileError` or `GrantsFileError` for files
 * that are of no use, and an error where two services answer to one name.
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const {
    services,
    config,
    host = config?.GRPC_HOST ?? "127.0.0.1",
    port = config?.GRPC_PORT ?? 0,
    tls = config && serverTlsOf(config),
    maxConnectionAgeMs = config?.GRPC_MAX_CONNECTION_AGE_MS ?? defaultMaxConnectionAgeMs,
    keepaliveMs = defaultKeepaliveMs,
    descriptorSets,
    maxReceiveMessageBytes = defaultMaxMessageBytes,
    maxSendMessageBytes = defaultMaxMessageBytes,
    graceMs = defaultGraceMs,
    signals = true,
    // oxlint-disable-next-line eslint/no-restricted-properties -- So that no service has to remember it.
    development = process.env["NODE_ENV"] !== "production",
    onClosed,
    logger = createLogger({ name: "grpc" }),
    authenticate = config && authenticationOf(config, logger),
    channelOptions,
  } = options;

  const server = new Server({
    "grpc.max_receive_message_length": maxReceiveMessageBytes,
    "grpc.max_send_message_length": maxSendMessageBytes,
    // It keeps a record of each connection and call that nobody reads here.
    "grpc.enable_channelz": 0,
    "grpc.max_connection_idle_ms": maxConnectionIdleMs,
    interceptors: [confirmEnd, coalesceStreams],
    ...channelOptions,
  });
  const live = new LiveCalls();
  const names = services.map(({ definition }) => definition.fullName);
  const aliases = services.flatMap((service) => service.aliases);
  const knowsClients = tls?.clientCaFile !== undefined;
  const common = { server, live, logger, authenticate, development, knowsClients };
  for (const service of services) {
    if (authenticate !== undefined) requirePolicies(service);
    registerService(service, common);
  }
  if (descriptorSets !== undefined) {
    const listed = [...names, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"];
    const reflection = reflectionService([...descriptorSets, protocolDescriptorSet], listed);
    registerService(reflection, common);
  }
  const health = new HealthImplementation();
  health.addToServer(server);

  const address = host.includes(":") ? `[${host}]` : host;
  // TLS is added by the acceptor, which can change its certificates.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const inject = (socket: Socket): void => {
    injector.injectConnection(socket);
  };
  const connections = new Connections(server, { maxAgeMs: maxConnectionAgeMs, keepaliveMs });
  const acceptor = tls && new TlsAcceptor(tls, inject, logger);
  const listener = await Listener.listen(host, port, {
    connection: (socket) => {
      if (acceptor === undefined) inject(socket);
      else acceptor.accept(socket);
    },
    error: (err) => {
      logger.error({ err }, "cannot accept a connection");
    },
  }).catch((cause: unknown) => {
    acceptor?.close();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ListenError(`cannot listen on ${address}:${port}: ${reason}`, { cause });
  });
  const setHealth = (status: "SERVING" | "NOT_SERVING"): void => {
    for (const name of ["", ...names, ...aliases]) health.setStatus(name, status);
  };
  const closed = Promise.withResolvers<void>();
  let closing = false;
  const close = (): Promise<void> => {
    if (!closing) {
      closing = true;
      setHealth("NOT_SERVING");
      acceptor?.close();
      const start = performance.now();
      drain({ server, connections, listener, live, graceMs, logger })
        .then(() => onClosed?.())
        .then(() => {
          logger.info({ tookMs: Math.round(performance.now() - start) }, "shut down");
        })
        .then(closed.resolve, closed.reject);
    }
    return closed.promise;
  };
  if (signals) closeOnSignal(close, closed.promise, logger);
  setHealth("SERVING");
  // Last: whoever waits for this line may send a signal at once.
  logger.info(
    {
      host,
      port: listener.port,
      services: names,
      tls: tls === undefined ? "none" : tls.clientCaFile === undefined ? "server" : "mutual",
      authentication: authenticate !== undefined,
    },
    "serving",
  );
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : address;
  return {
    port: listener.port,
    target: `${reachable}:${listener.port}`,
    closed: closed.promise,
    close,
  };
}

function closeOnSignal(close: () => Promise<void>, closed: Promise<void>, logger: Logger): void {
  const onSignal = (signal: NodeJS.Signals): void => {
    // From now on a second signal has its usual effect, which is to end the process.
    for (const each of ["SIGTERM", "SIGINT"] as const) process.off(each, onSignal);
    logger.info({ signal }, "shutting down");
    close().catch((error: unknown) => {
      logger.fatal({ err: error }, "shutdown failed");
      process.exitCode = 1;
    });
  };
  for (const each of ["SIGTERM", "SIGINT"] as const) process.on(each, onSignal);
  const forget = (): void => {
    for (const each of ["SIGTERM", "SIGINT"] as const) process.off(each, onSignal);
  };
  closed.then(forget, forget);
}
