/** What an error says, whoever made it: one of another realm, such as Node's own in a test of jest's, is no `Error` here. */
export function messageOf(error: unknown): string {
  return typeof error === "object" && error !== null && "message" in error
    ? String(error.message)
    : String(error);
}

/** Its code, such as `ENOENT`; undefined where it has none. */
export function errorCodeOf(error: unknown): string | undefined {
  return typeof error === "object" && error !== null && "code" in error
    ? String(error.code)
    : undefined;
}
