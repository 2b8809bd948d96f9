/** What was asked for cannot be done, whatever the services say: exit code 2. The message is a sentence. */
export class UsageError extends Error {
  static {
    UsageError.prototype.name = "UsageError";
  }
}
