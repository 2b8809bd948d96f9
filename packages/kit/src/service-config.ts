import { type Balancing, loadBalancingConfig } from "./balancing.ts";
import { codeName } from "./code.ts";
import type { ServiceDefinition } from "./definition.ts";
import type { RetryPolicy } from "./policy.ts";

/**
 * The gRPC service config that follows from the contracts of services
 * (https://github.com/grpc/grpc/blob/master/doc/service_config.md): idempotent methods are retried, no
 * others are, and no call waits for a connection that cannot be made. Calls are spread over the replicas.
 *
 * Throws a TypeError where the balancing is wrong.
 */
export function serviceConfigOf(
  services: readonly ServiceDefinition[],
  balancing: Balancing,
): string {
  const throttlings = services.flatMap(({ policy }) => policy?.retry?.throttling ?? []);
  return JSON.stringify({
    loadBalancingConfig: loadBalancingConfig(balancing),
    methodConfig: services.filter(({ policy }) => policy !== undefined).flatMap(methodConfigs),
    // One budget for the whole channel: where services differ, the smaller one holds.
    ...(throttlings.length === 0
      ? {}
      : {
          retryThrottling: {
            maxTokens: Math.min(...throttlings.map(({ maxTokens }) => maxTokens)),
            tokenRatio: Math.min(...throttlings.map(({ tokenRatio }) => tokenRatio)),
          },
        }),
  });
}

function methodConfigs({ fullName, methods, policy }: ServiceDefinition): object[] {
  return Object.values(methods).map((method) => {
    const idempotency = method.policy?.idempotency ?? "UNKNOWN";
    return {
      name: [fullName, ...(policy?.aliases ?? [])].map((service) => ({
        service,
        method: method.name,
      })),
      waitForReady: false,
      ...(policy?.retry === undefined || idempotency === "UNKNOWN"
        ? {}
        : { retryPolicy: retryPolicy(policy.retry) }),
    };
  });
}

function retryPolicy(retry: RetryPolicy): object {
  return {
    maxAttempts: retry.maxAttempts,
    initialBackoff: seconds(retry.initialBackoffMs),
    maxBackoff: seconds(retry.maxBackoffMs),
    backoffMultiplier: retry.backoffMultiplier,
    retryableStatusCodes: retry.retryableCodes.map(codeName),
  };
}

/** As the service config has durations: `0.1s`. */
function seconds(ms: number): string {
  return `${ms / 1000}s`;
}
