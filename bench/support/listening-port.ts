import type { AddressInfo } from "node:net";

/** The port that a server of Node listens on. Throws where it has none. */
export function listeningPort(server: { address(): AddressInfo | string | null }): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}
