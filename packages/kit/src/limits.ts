/** The largest message in bytes, both ways, for servers and clients, where nothing else is set: 10 MiB. */
export const defaultMaxMessageBytes: number = 10 * 1024 * 1024;

/**
 * How old a connection gets before the server asks its client for a new one, in milliseconds, where nothing else
 * is set: 5 minutes. Clients then look for new replicas as well.
 */
export const defaultMaxConnectionAgeMs: number = 5 * 60_000;

/** How many connections a server has at a time where nothing else is set. */
export const defaultMaxConnections = 1_000;

/** How many calls a server has at a time, on all of its connections, where nothing else is set. */
export const defaultMaxConcurrentCalls = 4_000;
