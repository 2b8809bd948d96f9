import type { Socket } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import { Admission, maxHealthBytes } from "./admission.ts";
import { closeOnSignal } from "./close-on-signal.ts";
import { authenticationOf, serverTlsOf } from "./config-settings.ts";
import { Connections } from "./connections.ts";
import { descriptorSet as protocolDescriptorSet } from "./gen/descriptor.ts";
import { keepHeadersOutOfLog } from "./grpc-js-log.ts";
import {
  defaultMaxConcurrentCalls,
  defaultMaxConnectionAgeMs,
  defaultMaxConnections,
  defaultMaxMessageBytes,
} from "./limits.ts";
import { ListenError } from "./listen-error.ts";
import { Listener } from "./listener.ts";
import { LiveCalls } from "./live-calls.ts";
import { createLogger } from "./logger.ts";
import { Newcomers } from "./newcomers.ts";
import { RateLimit } from "./rate-limit.ts";
import { reflectionService } from "./reflection.ts";
import { registerService, requirePolicies } from "./register-service.ts";
import type { ServeOptions } from "./serve-options.ts";
import { showGauges } from "./server-gauges.ts";
import { drain } from "./shutdown.ts";
import { sparingly } from "./sparingly.ts";
import { TlsAcceptor } from "./tls-acceptor.ts";

/** How long a shutdown waits for calls where nothing else is set, in milliseconds. */
export const defaultGraceMs = 10_000;

/** How long a connection may be without calls before it is closed, in milliseconds. */
const maxConnectionIdleMs = 10 * 60_000;

/** How often a client is asked whether it is still there where nothing else is set, in milliseconds. */
const defaultKeepaliveMs = 30_000;

/** How long peers may keep a server waiting where nothing else is set, in milliseconds. */
const defaultHelloTimeoutMs = 5_000;
const defaultRequestTimeoutMs = 8_000;

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
    maxConnections = config?.GRPC_MAX_CONNECTIONS ?? defaultMaxConnections,
    maxConcurrentCalls = config?.GRPC_MAX_CONCURRENT_CALLS ?? defaultMaxConcurrentCalls,
    loadShedding = config?.GRPC_LOAD_SHEDDING ?? true,
    refuseHopelessCalls = config?.GRPC_REFUSE_HOPELESS_CALLS ?? false,
    maxCallsPerSecondPerPrincipal = config?.GRPC_MAX_CALLS_PER_SECOND_PER_PRINCIPAL,
    helloTimeoutMs = defaultHelloTimeoutMs,
    requestTimeoutMs = defaultRequestTimeoutMs,
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

  keepHeadersOutOfLog();
  const admission = new Admission({
    maxRequestBytes: channelOptions?.["grpc.max_receive_message_length"] ?? maxReceiveMessageBytes,
    maxConcurrentCalls,
    requestTimeoutMs,
    shedsLoad: loadShedding,
    refusesHopeless: refuseHopelessCalls,
    logger,
  });
  // For health checks; what `services` answer does not pass through it.
  const server = new Server({
    ...channelOptions,
    "grpc.max_receive_message_length": maxHealthBytes,
    // It keeps a record of each connection and call that nobody reads here.
    "grpc.enable_channelz": 0,
  });
  const maxAnswerBytes = channelOptions?.["grpc.max_send_message_length"] ?? maxSendMessageBytes;
  const live = new LiveCalls();
  const names = services.map(({ definition }) => definition.fullName);
  const aliases = services.flatMap((service) => service.aliases);
  const knowsClients = tls?.clientCaFile !== undefined;
  const common = {
    ...{ live, admission, logger, authenticate, development, knowsClients },
    // grpc-js's way to say that there is no limit.
    maxAnswerBytes: maxAnswerBytes === -1 ? Infinity : maxAnswerBytes,
    rateLimit:
      maxCallsPerSecondPerPrincipal === undefined
        ? undefined
        : new RateLimit(maxCallsPerSecondPerPrincipal),
  };
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

  // Without TLS, which is added by the acceptor: it can change its certificates.
  server.createConnectionInjector(ServerCredentials.createInsecure());
  const logRefused = sparingly((fields) => {
    logger.warn({ ...fields, maxConnections }, "a connection was refused: there are too many");
  });
  const connections = new Connections(server, {
    maxAgeMs: maxConnectionAgeMs,
    maxIdleMs: channelOptions?.["grpc.max_connection_idle_ms"] ?? maxConnectionIdleMs,
    keepaliveMs,
    gate: admission.gate,
    known: (socket) => {
      newcomers.isKnown(socket);
    },
  });
  const newcomers = new Newcomers({
    maxConnections,
    helloTimeoutMs,
    endUnused: () => connections.endUnused(),
    refused: (remoteAddress) => {
      logRefused({ remoteAddress });
    },
  });
  const accept = (socket: Socket): void => {
    connections.accept(socket);
  };
  const acceptor = tls && new TlsAcceptor(tls, accept, logger);
  const listener = await Listener.listen(host, port, {
    connection: (socket) => {
      if (!newcomers.admit(socket)) return;
      if (acceptor === undefined) accept(socket);
      else acceptor.accept(socket);
    },
    error: (err) => {
      logger.error({ err }, "cannot accept a connection");
    },
  }).catch((cause: unknown) => {
    acceptor?.close();
    admission.calls.close();
    throw ListenError.of(host, port, cause);
  });
  const setHealth = (status: "SERVING" | "NOT_SERVING"): void => {
    for (const name of ["", ...names, ...aliases]) health.setStatus(name, status);
  };
  const hideGauges = showGauges({
    callsInFlight: () => admission.calls.size,
    connections: () => connections.size,
    callLimit: () => Math.min(maxConcurrentCalls, loadShedding ? admission.callLimit : Infinity),
  });
  const closed = Promise.withResolvers<void>();
  let closing = false;
  const close = (): Promise<void> => {
    if (!closing) {
      closing = true;
      setHealth("NOT_SERVING");
      acceptor?.close();
      const start = performance.now();
      drain({ server, connections, listener, live, graceMs, logger })
        .then(() => {
          admission.calls.close();
          hideGauges();
          return onClosed?.();
        })
        .then(() => {
          logger.info({ tookMs: Math.round(performance.now() - start) }, "shut down");
        })
        .then(closed.resolve, closed.reject);
    }
    return closed.promise;
  };
  if (signals) closeOnSignal({ close, closed: closed.promise, logger });
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
  const address = host.includes(":") ? `[${host}]` : host;
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : address;
  return {
    port: listener.port,
    target: `${reachable}:${listener.port}`,
    closed: closed.promise,
    close,
  };
}
