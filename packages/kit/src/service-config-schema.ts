import { experimental } from "@grpc/grpc-js";
import { z } from "zod";

const duration = z.strictObject({
  seconds: z.int().min(0),
  nanos: z.int().min(0).max(999_999_999),
});
const percent = z.int().min(0).max(100);
const ejection = {
  enforcement_percentage: percent.optional(),
  minimum_hosts: z.int().min(0).optional(),
  request_volume: z.int().min(0).optional(),
};

const policies: z.ZodType<object[]> = z.lazy(() => z.array(policy).min(1));

const policy = z.record(z.string(), z.unknown()).superRefine((config, context) => {
  const [name, ...others] = Object.keys(config);
  if (name === undefined || others.length > 0) {
    context.addIssue({
      code: "custom",
      message: "a policy is an object with its name as the only key",
    });
    return;
  }
  if (!experimental.isLoadBalancerNameRegistered(name)) {
    context.addIssue({
      code: "custom",
      path: [name],
      message: "there is no balancing policy of this name",
    });
    return;
  }
  const schema = name === "outlier_detection" ? outlierDetection : withChildren;
  for (const issue of schema.safeParse(config[name]).error?.issues ?? []) {
    context.addIssue({ code: "custom", path: [name, ...issue.path], message: issue.message });
  }
});

const withChildren = z.looseObject({ child_policy: policies.optional() });

const outlierDetection = z.strictObject({
  interval: duration.optional(),
  base_ejection_time: duration.optional(),
  max_ejection_time: duration.optional(),
  max_ejection_percent: percent.optional(),
  success_rate_ejection: z
    .strictObject({ stdev_factor: z.int().min(0).optional(), ...ejection })
    .optional(),
  failure_percentage_ejection: z
    .strictObject({ threshold: percent.optional(), ...ejection })
    .optional(),
  child_policy: policies,
});

/** What grpc-js checks itself, in its own words, is left to it. */
const serviceConfig = z.looseObject({ loadBalancingConfig: policies.optional() });

/**
 * Refuses a service config whose balancing grpc-js would not follow: a policy that is not known, or a duration
 * that is written as in the rest of the config, make it use pick_first without a word.
 *
 * Throws a TypeError that names what is wrong, and where.
 */
export function requireServiceConfig(text: string): void {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw new TypeError("the service config is no JSON", { cause });
  }
  const { error } = serviceConfig.safeParse(config);
  if (error === undefined) return;
  throw new TypeError(`the service config is wrong: ${z.prettifyError(error)}`);
}
