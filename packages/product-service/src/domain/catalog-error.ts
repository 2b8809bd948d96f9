/** Why the catalogue cannot do what it is asked to. Callers see these: they are part of the contract. */
export type CatalogErrorReason = "PRODUCT_NOT_FOUND";

/** The catalogue cannot do what it is asked to. */
export class CatalogError extends Error {
  static {
    CatalogError.prototype.name = "CatalogError";
  }

  readonly reason: CatalogErrorReason;

  constructor(reason: CatalogErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
