import type { Money } from "./money.ts";
import { moneyProblem } from "./money.ts";

/** Something for sale. */
export interface Product {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly category: string;
  readonly price: Money;
}

/** A product that must not be, and why: what is wrong with which of its properties. */
export interface Problem {
  readonly property: keyof Product;
  readonly description: string;
}

const idPattern = /^[A-Za-z0-9._-]{1,64}$/;

/** Whether a text can be a product's id. */
export function isProductId(text: string): boolean {
  return idPattern.test(text);
}

/** What is wrong with a product; empty where it is fine. */
export function problemsOf(product: Product): Problem[] {
  const problems: Problem[] = [];
  const add = (property: keyof Product, description: string | undefined): void => {
    if (description !== undefined) problems.push({ property, description });
  };
  add("id", isProductId(product.id) ? undefined : idRule);
  add("name", textProblem(product.name, 1, 200));
  add("description", textProblem(product.description, 0, 10_000));
  add("category", textProblem(product.category, 1, 100));
  add("price", moneyProblem(product.price));
  return problems;
}

/** The rule of product ids, in words. */
export const idRule = "must be 1 to 64 characters out of letters, digits, '.', '_' and '-'";

function textProblem(text: string, min: number, max: number): string | undefined {
  // Counted as people and PostgreSQL do, not in UTF-16 units, of which a character has one or two.
  if (text.length > 2 * max) return `must be at most ${max} characters`;
  const length = text.length <= max ? text.length : [...text].length;
  if (length < min) return "must not be empty";
  if (length > max) return `must be at most ${max} characters, is ${length}`;
  // PostgreSQL's text cannot hold it.
  return text.includes("\0") ? "must not contain a NUL character" : undefined;
}
