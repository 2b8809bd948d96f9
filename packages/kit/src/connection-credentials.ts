import type { Socket } from "node:net";
import { CallCredentials, ChannelCredentials, experimental } from "@grpc/grpc-js";
import type { TlsConnector } from "./client-tls.ts";
import type { Logger } from "./logger.ts";
import { peerAt } from "./peers.ts";

/** How a channel makes its connections: in plaintext or by TLS, each known to its peer. */
export class ConnectionCredentials extends ChannelCredentials {
  readonly #tls: TlsConnector | undefined;
  readonly #keepaliveMs: number;
  readonly #logger: Logger | undefined;

  /** Connections are in plaintext where there is no `tls`. */
  constructor(tls: TlsConnector | undefined, keepaliveMs: number, logger: Logger | undefined) {
    super();
    this.#tls = tls;
    this.#keepaliveMs = keepaliveMs;
    this.#logger = logger;
  }

  override _isSecure(): boolean {
    return this.#tls !== undefined;
  }

  /** Channels in plaintext share their connections, as those of grpc-js do. */
  override _equals(other: ChannelCredentials): boolean {
    if (this === other) return true;
    return (
      other instanceof ConnectionCredentials &&
      other.#tls === undefined &&
      this.#tls === undefined &&
      other.#keepaliveMs === this.#keepaliveMs
    );
  }

  override _createSecureConnector(
    target: experimental.GrpcUri,
    _options: object,
    callCredentials: CallCredentials = CallCredentials.createEmpty(),
  ): experimental.SecureConnector {
    const host = experimental.splitHostPort(target.path)?.host ?? target.path;
    return {
      connect: async (socket) => {
        peerAt(addressOf(socket)).add(socket, this.#keepaliveMs, this.#logger);
        return this.#tls === undefined
          ? { socket, secure: false }
          : { socket: await this.#tls.connect(socket, host), secure: true };
      },
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => callCredentials,
      destroy: () => undefined,
    };
  }
}

function addressOf({ remoteAddress = "", remotePort = 0, remoteFamily }: Socket): string {
  return remoteFamily === "IPv6"
    ? `[${remoteAddress}]:${remotePort}`
    : `${remoteAddress}:${remotePort}`;
}
