import type { Socket } from "node:net";
import { CallCredentials, ChannelCredentials, experimental } from "@grpc/grpc-js";
import type { TlsConnector } from "./client-tls.ts";
import { Peer, type PeerOptions } from "./peer.ts";

/** How a channel makes its connections: in plaintext or by TLS, each known to its peer. */
export class ConnectionCredentials extends ChannelCredentials {
  readonly #tls: TlsConnector | undefined;
  readonly #options: PeerOptions;

  /** Connections are in plaintext where there is no `tls`. */
  constructor(tls: TlsConnector | undefined, options: PeerOptions) {
    super();
    this.#tls = tls;
    this.#options = options;
  }

  override _isSecure(): boolean {
    return this.#tls !== undefined;
  }

  /** Each channel has connections of its own. */
  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(
    target: experimental.GrpcUri,
    _options: object,
    callCredentials: CallCredentials = CallCredentials.createEmpty(),
  ): PeerConnector {
    const host = experimental.splitHostPort(target.path)?.host ?? target.path;
    return new PeerConnector(new Peer(this.#options), this.#tls, host, callCredentials);
  }
}

/** What makes the connections of one of grpc-js's subchannels, one after the other. */
export class PeerConnector implements experimental.SecureConnector {
  readonly peer: Peer;
  readonly #tls: TlsConnector | undefined;
  readonly #host: string;
  readonly #callCredentials: CallCredentials;

  constructor(
    peer: Peer,
    tls: TlsConnector | undefined,
    host: string,
    callCredentials: CallCredentials,
  ) {
    this.peer = peer;
    this.#tls = tls;
    this.#host = host;
    this.#callCredentials = callCredentials;
  }

  async connect(socket: Socket): Promise<experimental.SecureConnectResult> {
    this.peer.connecting(socket);
    return this.#tls === undefined
      ? { socket, secure: false }
      : { socket: await this.#tls.connect(socket, this.#host), secure: true };
  }

  waitForReady(): Promise<void> {
    return Promise.resolve();
  }

  getCallCredentials(): CallCredentials {
    return this.#callCredentials;
  }

  destroy(): void {
    // It holds nothing: connections belong to the subchannel.
  }
}
