/** How a server is doing at the moment. */
export interface ServerGauges {
  readonly callsInFlight: () => number;
  readonly connections: () => number;
  /** How many unary calls it works on at a time before it refuses more. */
  readonly callLimit: () => number;
}

const all = new Set<ServerGauges>();

/** The servers of this process. */
export const serverGauges: ReadonlySet<ServerGauges> = all;

/** Shows how a server is doing. Returns what ends that. */
export function showGauges(gauges: ServerGauges): () => void {
  all.add(gauges);
  return () => all.delete(gauges);
}
