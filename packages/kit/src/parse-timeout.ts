/** https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Timeout" */
const form = /^(\d{1,8})([HMSmun])$/;

const unitsInMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/** The value of `grpc-timeout` in milliseconds; Infinity where there is none, or it is none. */
export function parseTimeout(value: string | readonly string[] | undefined): number {
  const [, amount, unit] = form.exec(String(value)) ?? [];
  return amount === undefined || unit === undefined
    ? Infinity
    : Number(amount) * (unitsInMs[unit] ?? Infinity);
}
