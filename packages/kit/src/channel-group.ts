import { Channel, type ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";
import type { StreamResets } from "./stream-resets.ts";

/** What a channel is opened with. */
export interface ChannelGroupOptions {
  /** How many connections there are to each replica. */
  readonly size: number;
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
  /** What has to end with it. */
  readonly resets: StreamResets;
}

/**
 * A channel, or several to one target that take turns: a connection is served by one stream of bytes, and servers
 * limit how many calls it carries.
 */
export class ChannelGroup extends Channel {
  readonly #others: readonly Channel[];
  readonly #resets: StreamResets;
  #next = 0;

  constructor({ size, target, credentials, options, resets }: ChannelGroupOptions) {
    super(target, credentials, options);
    this.#resets = resets;
    this.#others = Array.from(
      { length: size - 1 },
      () => new Channel(target, credentials, options),
    );
  }

  override createCall(
    ...call: Parameters<Channel["createCall"]>
  ): ReturnType<Channel["createCall"]> {
    const channel = this.#others[this.#next];
    this.#next = channel === undefined ? 0 : this.#next + 1;
    return channel === undefined ? super.createCall(...call) : channel.createCall(...call);
  }

  /** Calls that are under way go on; those that nobody waits for any more do not. */
  override close(): void {
    super.close();
    for (const channel of this.#others) channel.close();
    this.#resets.flush();
  }
}
