import {
  type ImportProductsRequest,
  type ImportProductsResponse,
  ImportProductsResponse_Outcome as WireOutcome,
  type Product as WireProduct,
} from "@org/contracts/product/v1";
import type { Violation } from "@org/kit";
import { roundedUnits } from "../domain/money.ts";
import { idRule, isProductId, problemsOf, type Product } from "../domain/product.ts";
import type { Change, Outcome } from "../domain/product-store.ts";

/** A product as the contract has it. */
export function toWire(product: Product): WireProduct {
  const { id, name, description, category, price } = product;
  return { id, name, description, category, price: roundedUnits(price), unitPrice: { ...price } };
}

/** The change that a request asks for, or everything that is wrong with the request. */
export function fromRequest({ operation }: ImportProductsRequest): Change | readonly Violation[] {
  switch (operation?.$case) {
    case "upsert":
      return upsertFrom(operation.value);
    case "deleteProductId":
      return isProductId(operation.value)
        ? { kind: "delete", id: operation.value }
        : [{ field: "delete_product_id", description: idRule }];
    case undefined:
      return [{ field: "operation", description: "must be one that the service knows" }];
  }
}

/** What became of a request, as the contract has it. */
export function toResponse(sequence: bigint, outcome: Outcome): ImportProductsResponse {
  return { sequence, outcome: outcomes[outcome], violations: [] };
}

/** A refusal, as the contract has it. */
export function toRejection(
  sequence: bigint,
  violations: readonly Violation[],
): ImportProductsResponse {
  return {
    sequence,
    outcome: WireOutcome.OUTCOME_REJECTED,
    violations: violations.map(({ field, description }) => ({
      field,
      description,
      reason: "",
      localizedMessage: undefined,
    })),
  };
}

const outcomes = {
  created: WireOutcome.OUTCOME_CREATED,
  updated: WireOutcome.OUTCOME_UPDATED,
  unchanged: WireOutcome.OUTCOME_UNCHANGED,
  deleted: WireOutcome.OUTCOME_DELETED,
} as const satisfies Record<Outcome, WireOutcome>;

const wireNames = {
  id: "id",
  name: "name",
  description: "description",
  category: "category",
  price: "unit_price",
} as const satisfies Record<keyof Product, string>;

/** Stands in for a price that is missing, so that everything else is checked as well. */
const noPrice = { currencyCode: "USD", units: 0n, nanos: 0 } as const;

function upsertFrom(wire: WireProduct): Change | readonly Violation[] {
  const { id, name, description, category, unitPrice } = wire;
  const product = { id, name, description, category, price: unitPrice ?? noPrice };
  const violations: Violation[] = problemsOf(product).map((problem) => ({
    field: `upsert.${wireNames[problem.property]}`,
    description: problem.description,
  }));
  if (unitPrice === undefined) {
    violations.push({ field: "upsert.unit_price", description: "must be set" });
  }
  return violations.length > 0 ? violations : { kind: "upsert", product };
}
