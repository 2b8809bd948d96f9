import { type ClientHttp2Session, constants } from "node:http2";
import type { Channel, experimental, Metadata } from "@grpc/grpc-js";
import type { Code } from "./code.ts";

/**
 * What calls that the kit makes itself need of a grpc-js channel, which keeps it to itself (1.14.7, `InternalChannel`):
 * it looks names up, connects and balances, and is told of the calls so that it does not go idle under them.
 */
export interface ChannelInternals {
  readonly defaultAuthority: string;
  /** Wakes an idle channel, and says how a method is called: `NONE` until the name has been looked up. */
  getConfig(path: string, metadata: Metadata): CallConfig;
  queueCallForConfig(call: QueuedCall): void;
  doPick(metadata: Metadata, pickInformation: Record<string, string>): experimental.PickResult;
  queueCallForPick(call: QueuedCall): void;
  removeCallFromPickQueue(call: QueuedCall): void;
  onCallStart(): void;
  onCallEnd(status: { readonly code: Code }): void;
}

/** What a channel says of calls to a method. */
export type CallConfig =
  | {
      readonly type: "SUCCESS";
      readonly config: {
        readonly methodConfig: { readonly retryPolicy?: unknown };
        readonly pickInformation: Record<string, string>;
      };
    }
  | { readonly type: "ERROR"; readonly error: ControlPlaneStatus }
  | { readonly type: "NONE" };

/** Why a name cannot be looked up, or no connection made. */
export interface ControlPlaneStatus {
  readonly code: Code;
  readonly details: string;
}

/** A call that waits until a channel has been configured, or connected. It keeps the process. */
export interface QueuedCall {
  /** The name has been looked up. */
  getConfig(): void;
  /** It cannot be. */
  reportResolverError(status: ControlPlaneStatus): void;
  /** There is a new picker. */
  doPick(): void;
  /** The channel is closed. */
  cancelWithStatus(code: Code, details: string): void;
}

/** The connection behind a subchannel (1.14.7, `Http2Transport`). Its process lives for as long as it has calls. */
export interface Connection {
  readonly session: ClientHttp2Session;
  readonly userAgent: string;
  addActiveCall(call: ActiveCall): void;
  removeActiveCall(call: ActiveCall): void;
}

/** Has the channel make another connection, as if the server had asked for it. The calls on this one go on. */
export function replace({ session }: Connection): void {
  session.emit("goaway", constants.NGHTTP2_NO_ERROR, 0);
  session.close();
}

/** A call on a connection. */
export interface ActiveCall {
  /** The connection is lost. */
  onDisconnect(): void;
}

/** What a channel keeps to itself; undefined where another version of grpc-js has other names for it. */
export function internalsOf(channel: Channel): ChannelInternals | undefined {
  const internals: unknown = Reflect.get(channel, "internalChannel");
  return isChannelInternals(internals) ? internals : undefined;
}

/**
 * The connection of a subchannel; null while it has none, which can be when it has just become ready. Undefined where
 * another version of grpc-js has other names for it.
 */
export function connectionOf(subchannel: object): Connection | null | undefined {
  const transport: unknown = Reflect.get(subchannel, "transport");
  return transport === null || isConnection(transport) ? transport : undefined;
}

function isChannelInternals(value: unknown): value is ChannelInternals {
  return (
    typeof value === "object" &&
    value !== null &&
    "defaultAuthority" in value &&
    typeof value.defaultAuthority === "string" &&
    [
      ...["getConfig", "queueCallForConfig", "doPick", "queueCallForPick"],
      ...["removeCallFromPickQueue", "onCallStart", "onCallEnd"],
    ].every((name) => typeof Reflect.get(value, name) === "function")
  );
}

function isConnection(value: unknown): value is Connection {
  return (
    typeof value === "object" &&
    value !== null &&
    "session" in value &&
    isSession(value.session) &&
    "userAgent" in value &&
    typeof value.userAgent === "string" &&
    "addActiveCall" in value &&
    typeof value.addActiveCall === "function" &&
    "removeActiveCall" in value &&
    typeof value.removeActiveCall === "function"
  );
}

function isSession(value: unknown): value is ClientHttp2Session {
  return typeof value === "object" && value !== null && "ping" in value && "request" in value;
}
