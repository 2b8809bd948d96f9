import { z } from "zod";
import { responsiveBalancer } from "./responsive-balancer.ts";

/** How calls are spread over the replicas that a target stands for. */
export interface Balancing {
  /**
   * `round_robin`, the default: over all of them, in turns. `pick_first`: to one of them, as long as it answers.
   */
  readonly policy?: "round_robin" | "pick_first";
  /** Which replicas get no calls for a while because too many of theirs fail; false: none. */
  readonly outlierDetection?: OutlierDetection | false;
}

/**
 * When a replica is left out. Every status but OK counts as a failure, also those that its callers bring about
 * (https://github.com/grpc/proposal/blob/master/A50-xds-outlier-detection.md): where most calls are answered
 * with NOT_FOUND, for example, switch it off.
 */
export interface OutlierDetection {
  /** How often failures are counted up, in milliseconds; 1,000 by default. */
  readonly intervalMs?: number;
  /** How long a replica is left out the first time, in milliseconds; 5,000 by default, and more each time in a row. */
  readonly baseEjectionMs?: number;
  /** How long it is left out at the most, in milliseconds; 60,000 by default. */
  readonly maxEjectionMs?: number;
  /** How many of the replicas are left out at the most, in per cent; 33 by default. One always may be. */
  readonly maxEjectionPercent?: number;
  /** A replica is left out if more of its calls fail, in per cent; 90 by default. */
  readonly failurePercent?: number;
  /** Of fewer replicas, none is left out; 2 by default. */
  readonly minimumHosts?: number;
  /** A replica with fewer calls in an interval is not judged; 10 by default. */
  readonly minimumCalls?: number;
}

const milliseconds = z.int().positive();
const percent = z.int().min(0).max(100);

const policySchema = z.enum(["round_robin", "pick_first"]).default("round_robin");

const outlierSchema = z.strictObject({
  intervalMs: milliseconds.default(1_000),
  baseEjectionMs: milliseconds.default(5_000),
  maxEjectionMs: milliseconds.default(60_000),
  maxEjectionPercent: percent.default(33),
  failurePercent: percent.default(90),
  minimumHosts: z.int().positive().default(2),
  minimumCalls: z.int().positive().default(10),
});

/** What the service config has of it. Throws a TypeError that names what is wrong. */
export function loadBalancingConfig(balancing: Balancing): object[] {
  const policy = parse(policySchema, balancing.policy, "balancing.policy");
  const child = [{ [responsiveBalancer]: { child_policy: [{ [policy]: {} }] } }];
  // With pick_first there is no other to send calls to.
  if (balancing.outlierDetection === false || policy === "pick_first") return child;
  const outlierDetection = parse(
    outlierSchema,
    balancing.outlierDetection ?? {},
    "balancing.outlierDetection",
  );
  return [
    {
      outlier_detection: {
        interval: duration(outlierDetection.intervalMs),
        base_ejection_time: duration(outlierDetection.baseEjectionMs),
        max_ejection_time: duration(outlierDetection.maxEjectionMs),
        max_ejection_percent: outlierDetection.maxEjectionPercent,
        failure_percentage_ejection: {
          threshold: outlierDetection.failurePercent,
          enforcement_percentage: 100,
          minimum_hosts: outlierDetection.minimumHosts,
          request_volume: outlierDetection.minimumCalls,
        },
        child_policy: child,
      },
    },
  ];
}

/** As grpc-js has it in a balancing policy: of `1s` it makes pick_first, without a word. */
function duration(ms: number): { readonly seconds: number; readonly nanos: number } {
  return { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 };
}

function parse<T>(schema: z.ZodType<T>, value: unknown, name: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new TypeError(`${name} is wrong: ${z.prettifyError(parsed.error)}`);
}
