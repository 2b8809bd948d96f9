import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Socket } from "node:net";
import { expect } from "@jest/globals";
import { type Clients, expectZeros } from "./client-cases.ts";

/** What came and went on the connections that a call made, in bytes. */
interface Traffic {
  readonly read: number;
  readonly written: number;
}

/** Opens clients whose requests are compressed, or are not. */
type Open = (options: { readonly compress: boolean }) => Clients & Disposable;

/**
 * The cases with compression, for servers that compress their answers as they are asked to. What our client is not
 * told, whether a message came compressed, shows in how many bytes a payload of zeros took.
 */
export const compressionCases: Readonly<Record<string, (open: Open) => Promise<void>>> = {
  // Without the first step, the probe: servers of other makers do not refuse what came uncompressed, either.
  async client_compressed_unary(open) {
    for (const compress of [true, false]) {
      const { written } = await trafficOf(async () => {
        using clients = open({ compress });
        const expectCompressed = { value: compress };
        const request = { expectCompressed, responseSize: 314_159, payload };
        expectZeros(await clients.testing.unaryCall(request), 314_159);
      });
      expectSize(written, 271_828, compress);
    }
  },

  async server_compressed_unary(open) {
    for (const compressed of [true, false]) {
      const { read } = await trafficOf(async () => {
        using clients = open({ compress: false });
        const responseCompressed = { value: compressed };
        const request = { responseCompressed, responseSize: 314_159, payload };
        expectZeros(await clients.testing.unaryCall(request), 314_159);
      });
      expectSize(read, 314_159, compressed);
    }
  },
};

const payload = { body: Buffer.alloc(271_828) };

/** Whether that many bytes, most of them a payload of zeros of that size, are those of a compressed one. */
function expectSize(bytes: number, size: number, compressed: boolean): void {
  if (compressed) expect(bytes).toBeLessThan(size / 10);
  else expect(bytes).toBeGreaterThan(size);
}

/** What is read and written on the connections that are opened meanwhile, by this process. */
async function trafficOf(action: () => Promise<void>): Promise<Traffic> {
  const sockets: Socket[] = [];
  const onSocket = (message: unknown): void => {
    if (typeof message === "object" && message !== null && "socket" in message) {
      if (message.socket instanceof Socket) sockets.push(message.socket);
    }
  };
  subscribe("net.client.socket", onSocket);
  try {
    await action();
  } finally {
    unsubscribe("net.client.socket", onSocket);
  }
  const sum = (count: (socket: Socket) => number): number =>
    sockets.reduce((total, socket) => total + count(socket), 0);
  return {
    read: sum(({ bytesRead }) => bytesRead),
    written: sum(({ bytesWritten }) => bytesWritten),
  };
}
