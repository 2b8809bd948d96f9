/** Why the directory cannot do what it is asked to. Callers see these: they are part of the contract. */
export type DirectoryErrorReason = "USER_NOT_FOUND" | "REQUEST_ID_REUSED";

/** The directory of users cannot do what it is asked to. */
export class DirectoryError extends Error {
  static {
    DirectoryError.prototype.name = "DirectoryError";
  }

  readonly reason: DirectoryErrorReason;

  constructor(reason: DirectoryErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
