import { type Element, fileOf, fullName, sourceLocationOf } from "./contract-element.ts";

/** Something in the contract that cannot be generated: where it is, and what is wrong with it. */
export interface ContractProblem {
  /** The .proto file, and where in it the element begins: `shop.proto:12:3`. */
  readonly place: string;
  /** The full name of the field, method or other element. */
  readonly element: string;
  /** The option or rule that is wrong, such as `string.pattern`. */
  readonly rule: string;
  /** What is wrong, as a clause. */
  readonly problem: string;
}

/** Gathers problems, so that one run names all of them. */
export type Report = (element: Element, rule: string, problem: string) => void;

/** Makes what adds to a list of problems. */
export function reportTo(problems: ContractProblem[]): Report {
  return (element, rule, problem) => {
    const { name } = fileOf(element).proto;
    const [line, column] = sourceLocationOf(element)?.span ?? [];
    const known = line !== undefined && column !== undefined;
    const place = known ? `${name}:${line + 1}:${column + 1}` : name;
    problems.push({ place, element: fullName(element), rule, problem });
  };
}

/** One problem as a line that names the place, the element and the rule. */
export function describeProblem({ place, element, rule, problem }: ContractProblem): string {
  return `${place}: ${element}: ${rule}: ${problem}`;
}
