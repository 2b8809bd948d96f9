import {
  type ImportProductsRequest,
  type ImportProductsResponse,
  ImportProductsResponse_Outcome as Outcome,
  type Product,
} from "@org/contracts/product/v1";
import type { MessageInput, Violation } from "@org/kit/client";

let made = 0;

/** A name that no other test uses. */
export function unique(prefix: string): string {
  made += 1;
  return `${prefix}-${made}`;
}

/** A product that is fine, except for what the test makes of it. */
export function product(changes: Partial<Product> = {}): Product {
  return {
    id: unique("id"),
    name: "Desk",
    description: "Made of oak",
    price: 19.5,
    category: "Furniture",
    unitPrice: { currencyCode: "EUR", units: 19n, nanos: 500_000_000 },
    ...changes,
  };
}

type Request = MessageInput<ImportProductsRequest>;

/** The request that asks for a product. */
export function upsert(value: MessageInput<Product>, sequence = 0n): Request {
  return { sequence, operation: { $case: "upsert", value } };
}

/** The request that asks for a product to be gone. */
export function remove(id: string, sequence = 0n): Request {
  return { sequence, operation: { $case: "deleteProductId", value: id } };
}

/** The names of the outcomes, as the .proto file has them without their prefix. */
export function outcomesOf(answers: readonly ImportProductsResponse[]): (string | undefined)[] {
  return answers.map(({ outcome }) => outcomeNames.get(outcome));
}

const outcomeNames = new Map<Outcome, string>([
  [Outcome.OUTCOME_CREATED, "created"],
  [Outcome.OUTCOME_UPDATED, "updated"],
  [Outcome.OUTCOME_UNCHANGED, "unchanged"],
  [Outcome.OUTCOME_DELETED, "deleted"],
  [Outcome.OUTCOME_REJECTED, "rejected"],
]);

/** What is wrong with a request, as far as the contract promises to say it. */
export function violationsOf(answer: ImportProductsResponse | undefined): Violation[] {
  return answer?.violations.map(({ field, description }) => ({ field, description })) ?? [];
}

/** All messages of a stream. */
export async function gather<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of stream) all.push(each);
  return all;
}
