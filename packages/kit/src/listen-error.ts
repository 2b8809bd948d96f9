import { messageOf } from "./message-of.ts";

/** The address cannot be listened on: another process has the port, or it is no address of this machine. */
export class ListenError extends Error {
  static {
    ListenError.prototype.name = "ListenError";
  }

  /** What listening on a host and a port has failed with. */
  static of(host: string, port: number, cause: unknown): ListenError {
    const address = host.includes(":") ? `[${host}]` : host;
    return new ListenError(`cannot listen on ${address}:${port}: ${messageOf(cause)}`, { cause });
  }
}
