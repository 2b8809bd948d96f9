import { type ChannelOptions, connectivityState, experimental } from "@grpc/grpc-js";
import { PeerConnector } from "./connection-credentials.ts";
import { connectionOf } from "./grpc-js-internals.ts";
import type { Peer } from "./peer.ts";
import { useStreamTable } from "./stream-table.ts";

/** What the service config calls it. */
export const responsiveBalancer = "org_responsive";

/** How long a connection may take from its beginning to the peer's HTTP/2 settings, in milliseconds. */
const connectTimeoutMs = 5_000;

class ResponsiveConfig implements experimental.TypedLoadBalancingConfig {
  readonly child: experimental.TypedLoadBalancingConfig;

  constructor(child: experimental.TypedLoadBalancingConfig) {
    this.child = child;
  }

  getLoadBalancerName(): string {
    return responsiveBalancer;
  }

  toJsonObject(): object {
    return { [responsiveBalancer]: { child_policy: [this.child.toJsonObject()] } };
  }

  static createFromJson(json: {
    readonly child_policy: Parameters<typeof experimental.selectLbConfigFromList>[0];
  }): ResponsiveConfig {
    const child = experimental.selectLbConfigFromList(json.child_policy);
    if (child === null) throw new Error(`${responsiveBalancer} has no child policy that is known`);
    return new ResponsiveConfig(child);
  }
}

/**
 * Balances as its child does, but passes over peers that have gone silent while others have not, and closes
 * connections to peers that accept them and then say nothing, for which grpc-js waits without end
 * (https://github.com/grpc/grpc-node/issues/2785).
 */
class ResponsiveBalancer implements experimental.LoadBalancer {
  readonly #child: experimental.ChildLoadBalancerHandler;

  constructor(helper: experimental.ChannelControlHelper) {
    const childHelper = experimental.createChildChannelControlHelper(helper, {
      createSubchannel: (address, options) => {
        const subchannel = helper.createSubchannel(address, options);
        limitConnecting(subchannel);
        return subchannel;
      },
      updateState: (state, picker, errorMessage) => {
        const isReady = state === connectivityState.READY;
        helper.updateState(state, isReady ? new ResponsivePicker(picker) : picker, errorMessage);
      },
    });
    this.#child = new experimental.ChildLoadBalancerHandler(childHelper);
  }

  updateAddressList(
    endpoints: experimental.StatusOr<experimental.Endpoint[]>,
    config: experimental.TypedLoadBalancingConfig,
    options: ChannelOptions,
    resolutionNote: string,
  ): boolean {
    return (
      config instanceof ResponsiveConfig &&
      this.#child.updateAddressList(endpoints, config.child, options, resolutionNote)
    );
  }

  exitIdle(): void {
    this.#child.exitIdle();
  }

  resetBackoff(): void {
    this.#child.resetBackoff();
  }

  destroy(): void {
    this.#child.destroy();
  }

  getTypeName(): string {
    return responsiveBalancer;
  }
}

/** How many silent peers are passed over for one call; where there are more, the next one has to do. */
const maxPassed = 16;

class ResponsivePicker implements experimental.Picker {
  readonly #child: experimental.Picker;

  constructor(child: experimental.Picker) {
    this.#child = child;
  }

  pick(args: experimental.PickArgs): experimental.PickResult {
    let passed: Peer[] | undefined;
    for (;;) {
      const result = this.#child.pick(args);
      const { subchannel, pickResultType, status } = result;
      if (subchannel === null) return result;
      const peer = peerOf(subchannel.getRealSubchannel());
      if (peer === undefined) return result;
      if (peer.isSilent && (passed === undefined || passed.length < maxPassed)) {
        passed ??= [];
        passed.push(peer);
        continue;
      }
      if (passed !== undefined && !peer.isSilent) for (const each of passed) each.passedOver();
      // The child's own have nothing to be told: pick_first and round_robin count no calls.
      const { callStarted: onCallStarted, callEnded: onCallEnded } = peer;
      return { pickResultType, subchannel, status, onCallStarted, onCallEnded };
    }
  }
}

/** Those that are looked after already: each time a name is looked up, grpc-js asks for the same ones again. */
const limited = new WeakSet<object>();

function limitConnecting(subchannel: experimental.SubchannelInterface): void {
  const real = subchannel.getRealSubchannel();
  const peer = peerOf(real);
  if (peer === undefined || limited.has(real)) return;
  limited.add(real);
  let timer: NodeJS.Timeout | undefined;
  real.addConnectivityStateListener((_subchannel, _before, state) => {
    clearTimeout(timer);
    if (state === connectivityState.READY) {
      // grpc-js tells of the state first.
      queueMicrotask(() => {
        const session = connectionOf(real)?.session;
        if (session === undefined) return;
        useStreamTable(session);
        peer.established(session);
      });
    }
    if (state !== connectivityState.CONNECTING) return;
    timer = setTimeout(() => {
      peer.stopConnecting();
    }, connectTimeoutMs).unref();
  });
}

const peers = new WeakMap<object, Peer>();

/** The peer that a subchannel connects to; undefined for one of a channel with other credentials. */
function peerOf(subchannel: object): Peer | undefined {
  const known = peers.get(subchannel);
  if (known !== undefined) return known;
  const connector: unknown = Reflect.get(subchannel, "secureConnector");
  if (!(connector instanceof PeerConnector)) return undefined;
  peers.set(subchannel, connector.peer);
  return connector.peer;
}

experimental.registerLoadBalancerType(responsiveBalancer, ResponsiveBalancer, ResponsiveConfig);
