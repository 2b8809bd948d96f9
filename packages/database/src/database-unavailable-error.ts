/** The database could not be reached, or could not do now what it was asked to: to try again later may help. */
export class DatabaseUnavailableError extends Error {
  static {
    DatabaseUnavailableError.prototype.name = "DatabaseUnavailableError";
  }
}

/** What an error says; Node's for a host with several addresses leaves that to those it is made of. */
export function messageOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return String(error);
  if ("errors" in error && Array.isArray(error.errors)) {
    return error.errors.map(messageOf).join(", ");
  }
  return "message" in error ? String(error.message) : "for no known reason";
}
