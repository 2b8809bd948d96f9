import { type Element, fullName } from "./contract-element.ts";

/** Something in the contract that cannot be generated: where it is, and what is wrong with it. */
export interface ContractProblem {
  /** The .proto file. */
  readonly file: string;
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
    const { file } = "file" in element ? element : element.parent;
    problems.push({ file: file.proto.name, element: fullName(element), rule, problem });
  };
}

/** One problem as a line that names the file, the element and the rule. */
export function describeProblem({ file, element, rule, problem }: ContractProblem): string {
  return `${file}: ${element}: ${rule}: ${problem}`;
}
