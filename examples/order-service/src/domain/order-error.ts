/** Why an order cannot be placed. Callers see these: they are part of the contract. */
export type OrderErrorReason = "USER_NOT_FOUND" | "PRODUCT_NOT_FOUND" | "CURRENCIES_DIFFER";

/** The order cannot be placed as things are. */
export class OrderError extends Error {
  static {
    OrderError.prototype.name = "OrderError";
  }

  readonly reason: OrderErrorReason;

  constructor(reason: OrderErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
