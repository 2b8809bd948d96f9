import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import {
  type DurationRules,
  DurationRulesSchema,
  type TimestampRules,
  TimestampRulesSchema,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { type Check, constChecks, given, memberChecks } from "./check.ts";
import { type Bound, boundOf, rangeChecks } from "./number-checks.ts";

/** Translates the rules of durations. */
export function durationChecks(rules: DurationRules): Check[] {
  const { greaterThan, lessThan } = rules;
  return [
    ...constCheck("duration", given(DurationRulesSchema, rules, "const"), showDuration),
    ...timeRange("duration", boundOf(greaterThan), boundOf(lessThan), showDuration),
    ...memberCheck(rules.in, rules.notIn),
  ];
}

/** Translates the rules of timestamps. Those about now go by the clock of whoever checks. */
export function timestampChecks(rules: TimestampRules): Check[] {
  const { greaterThan, lessThan } = rules;
  const lower = greaterThan.case === "gtNow" ? undefined : boundOf(greaterThan);
  const upper = lessThan.case === "ltNow" ? undefined : boundOf(lessThan);
  const checks = [
    ...constCheck("timestamp", given(TimestampRulesSchema, rules, "const"), showTimestamp),
    ...timeRange("timestamp", lower, upper, showTimestamp),
  ];
  if (lessThan.case === "ltNow" && lessThan.value) {
    checks.push({
      rule: "timestamp.lt_now",
      description: "must not be in the future",
      breaks: (code, ts) => `${ts.use("nanosOf")}(${code}) > ${ts.use("nanosNow")}()`,
    });
  }
  if (greaterThan.case === "gtNow" && greaterThan.value) {
    checks.push({
      rule: "timestamp.gt_now",
      description: "must not be in the past",
      breaks: (code, ts) => `${ts.use("nanosOf")}(${code}) < ${ts.use("nanosNow")}()`,
    });
  }
  if (rules.within !== undefined) {
    const nanos = nanosOf(rules.within);
    checks.push({
      rule: "timestamp.within",
      description: `must be within ${showDuration(nanos)} of now`,
      breaks: (code, ts) => `!${ts.use("isNear")}(${code}, ${nanos}n)`,
    });
  }
  return checks;
}

type Time = Duration | Timestamp;
type Show = (nanos: bigint) => string;

function constCheck(type: string, value: Time | undefined, show: Show): Check[] {
  if (value === undefined) return [];
  const nanos = nanosOf(value);
  return inNanos(constChecks(type, nanos)).map((check) => ({
    ...check,
    description: `must be ${show(nanos)}`,
  }));
}

function timeRange(
  type: string,
  lower: Bound<Time> | undefined,
  upper: Bound<Time> | undefined,
  show: Show,
): Check[] {
  const converted = (bound: Bound<Time> | undefined): Bound<bigint> | undefined =>
    bound && { rule: bound.rule, value: nanosOf(bound.value) };
  return inNanos(rangeChecks(type, converted(lower), converted(upper), show));
}

function memberCheck(wanted: readonly Duration[], unwanted: readonly Duration[]): Check[] {
  const checks = memberChecks("duration", wanted.map(nanosOf), unwanted.map(nanosOf), showDuration);
  return inNanos(checks);
}

/** Makes checks of nanoseconds those of a duration or timestamp. */
function inNanos(checks: readonly Check[]): Check[] {
  return checks.map((check) => ({
    ...check,
    breaks: (code, ts) => check.breaks(`${ts.use("nanosOf")}(${code})`, ts),
  }));
}

function nanosOf({ seconds, nanos }: Time): bigint {
  return seconds * 1_000_000_000n + BigInt(nanos);
}

/** In seconds, as protobuf's JSON has it: `1.5s`. */
function showDuration(nanos: bigint): string {
  const sign = nanos < 0n ? "-" : "";
  const absolute = nanos < 0n ? -nanos : nanos;
  const fraction = String(absolute % 1_000_000_000n)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${sign}${absolute / 1_000_000_000n}${fraction === "" ? "" : `.${fraction}`}s`;
}

function showTimestamp(nanos: bigint): string {
  const milliseconds = nanos / 1_000_000n;
  return nanos % 1_000_000n === 0n
    ? new Date(Number(milliseconds)).toISOString()
    : `${showDuration(nanos)} after 1970-01-01T00:00:00Z`;
}
