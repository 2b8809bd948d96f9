import { type Element, fullName, type Position, positionOf } from "./contract-element.ts";

/** Something that callers of the base notice. */
export interface Finding {
  /** What it breaks: a rule of Buf's, or one of ours that is named like them. */
  readonly rule: string;
  /** The full name of what it is about; for a whole file, its path in proto/. */
  readonly element: string;
  /** What was, what is, and why that matters; several lines perhaps. */
  readonly message: string;
  /** Where the element is now, if it is anywhere. */
  readonly position: Position | undefined;
}

/** A finding about an element of the current contract. */
export function findingAt(element: Element, rule: string, lines: readonly string[]): Finding {
  return {
    rule,
    element: fullName(element),
    message: lines.join("\n"),
    position: positionOf(element),
  };
}

/** A finding as people read it, under the place that it is at. */
export function describeFinding({ rule, element, message, position }: Finding): string {
  const place = position && `proto/${position.file}:${position.line}:${position.column}: `;
  const lines = [...message.split("\n"), `element: ${element}`];
  return `${place ?? ""}${rule}\n${lines.map((line) => `  ${line}`).join("\n")}`;
}
