/** The largest message in bytes, both ways, for servers and clients, where nothing else is set: 10 MiB. */
export const defaultMaxMessageBytes: number = 10 * 1024 * 1024;
