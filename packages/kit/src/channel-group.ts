import { Channel, type ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";

/**
 * Several channels to one target that take turns, as one. A connection is served by one stream of bytes, and
 * Node's servers limit how many calls may be cancelled on each.
 */
export class ChannelGroup extends Channel {
  readonly #others: readonly Channel[];
  #next = 0;

  constructor(
    size: number,
    target: string,
    credentials: ChannelCredentials,
    options: ChannelOptions,
  ) {
    super(target, credentials, options);
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

  override close(): void {
    super.close();
    for (const channel of this.#others) channel.close();
  }
}
