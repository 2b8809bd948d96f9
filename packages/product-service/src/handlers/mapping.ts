import {
  type ImportProductsRequest,
  type ImportProductsResponse,
  ImportProductsResponse_Outcome as WireOutcome,
  type Product as WireProduct,
} from "@org/contracts/product/v1";
import { type CheckedRequest, toFieldViolations, type Violation } from "@org/kit";
import { moneyProblem, roundedUnits } from "../domain/money.ts";
import type { Product } from "../domain/product.ts";
import type { Change, Outcome } from "../domain/product-store.ts";

/** A product as the contract has it. */
export function toWire(product: Product): WireProduct {
  const { id, name, description, category, price } = product;
  return { id, name, description, category, price: roundedUnits(price), unitPrice: { ...price } };
}

/** The change that a request asks for, or everything that is wrong with the request. */
export function fromRequest({
  request: { operation },
  violations,
}: CheckedRequest<ImportProductsRequest>): Change | readonly Violation[] {
  if (operation?.$case !== "upsert") {
    return operation === undefined || violations.length > 0
      ? violations
      : { kind: "delete", id: operation.value };
  }
  const { id, name, description, category, unitPrice: price } = operation.value;
  const problem = price && moneyProblem(price);
  if (problem !== undefined) {
    return [...violations, { field: "upsert.unit_price", description: problem }];
  }
  return price === undefined || violations.length > 0
    ? violations
    : { kind: "upsert", product: { id, name, description, category, price } };
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
    violations: toFieldViolations(violations),
  };
}

const outcomes = {
  created: WireOutcome.OUTCOME_CREATED,
  updated: WireOutcome.OUTCOME_UPDATED,
  unchanged: WireOutcome.OUTCOME_UNCHANGED,
  deleted: WireOutcome.OUTCOME_DELETED,
} as const satisfies Record<Outcome, WireOutcome>;
