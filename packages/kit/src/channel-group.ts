import { Channel, type ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";
import { GrpcJsCall } from "./grpc-js-call.ts";
import { Http2Channel, Http2Method, type Http2Settings } from "./http2-channel.ts";
import type { StreamResets } from "./stream-resets.ts";
import type { WireCall } from "./wire-call.ts";

/** What a channel is opened with. */
export interface ChannelGroupOptions {
  /** How many connections there are to each replica. */
  readonly size: number;
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
  /** For calls that the kit makes itself; undefined where grpc-js makes all of them. */
  readonly http2: Http2Settings | undefined;
  /** What has to end with it. */
  readonly resets: StreamResets;
}

/**
 * A channel, or several to one target that take turns: a connection is served by one stream of bytes, and servers
 * limit how many calls it carries.
 */
export class ChannelGroup extends Channel {
  readonly #others: readonly Channel[];
  /** The ways to the connections of each of them; none where grpc-js makes the calls. */
  readonly #ways: readonly Http2Channel[];
  readonly #resets: StreamResets;
  #next = 0;

  constructor({ size, target, credentials, options, http2, resets }: ChannelGroupOptions) {
    super(target, credentials, options);
    this.#resets = resets;
    this.#others = Array.from(
      { length: size - 1 },
      () => new Channel(target, credentials, options),
    );
    this.#ways = [this, ...this.#others].flatMap(
      (channel) => (http2 && Http2Channel.on(channel, http2)) ?? [],
    );
  }

  /** What begins calls to a method, in the kit's own way or grpc-js's. It throws where the channel is closed. */
  opener(path: string): () => WireCall {
    const methods = this.#ways.map((way) => new Http2Method(way, path));
    const [first] = methods;
    if (first === undefined) return () => new GrpcJsCall(this, path);
    return () => (methods[this.#turn()] ?? first).open();
  }

  override createCall(
    ...call: Parameters<Channel["createCall"]>
  ): ReturnType<Channel["createCall"]> {
    const channel = this.#others[this.#turn() - 1];
    return channel === undefined ? super.createCall(...call) : channel.createCall(...call);
  }

  /** Calls that are under way go on; those that nobody waits for any more do not. */
  override close(): void {
    super.close();
    for (const channel of this.#others) channel.close();
    this.#resets.flush();
  }

  #turn(): number {
    const turn = this.#next;
    this.#next = turn === this.#others.length ? 0 : turn + 1;
    return turn;
  }
}
