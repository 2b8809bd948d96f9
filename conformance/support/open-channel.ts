import type { Channel } from "@grpc/grpc-js";
import { ProductServiceDefinition } from "@org/contracts/product/v1";
import { UserServiceDefinition } from "@org/contracts/user/v1";
import { createChannel } from "@org/kit/client";

/** A channel that is closed once it is disposed of: what `createClient` takes. */
export interface OpenChannel extends Disposable {
  readonly channel: Channel;
}

/** Opens a channel to a server, in plaintext. */
export function openChannel(target: string): OpenChannel {
  const channel = createChannel({
    target,
    services: [ProductServiceDefinition, UserServiceDefinition],
  });
  return {
    channel,
    [Symbol.dispose]: () => {
      channel.close();
    },
  };
}
