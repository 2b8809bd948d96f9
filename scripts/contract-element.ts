/**
 * The elements of a contract: what they are called, where their files have them, and which of them
 * stands at a position.
 */
import type { DescFile, FileRegistry } from "@bufbuild/protobuf";
import {
  type Element,
  fileOf,
  sourceLocationOf,
  sourcePathOf,
} from "@org/protoc-gen-contract/contract-element";

export { type Element, fullName } from "@org/protoc-gen-contract/contract-element";

/** A place in a file of proto/, counted from 1. */
export interface Position {
  /** The file's path in proto/. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Where an element begins, or undefined where the file came without its source. */
export function positionOf(element: Element): Position | undefined {
  const location = sourceLocationOf(element);
  const [line, column] = location?.span ?? [];
  if (line === undefined || column === undefined) return undefined;
  return { file: fileOf(element).proto.name, line: line + 1, column: column + 1 };
}

/** The innermost element around a position, or undefined where there is none but the file. */
export function elementAt(
  registry: FileRegistry,
  { file: name, line, column }: Position,
): Element | undefined {
  const file = registry.getFile(name);
  if (file === undefined) return undefined;
  const elements = new Map(elementsOf(file).map((each) => [sourcePathOf(each).join(), each]));
  let found: { readonly element: Element; readonly span: Span } | undefined;
  for (const { path, span: numbers } of file.proto.sourceCodeInfo?.location ?? []) {
    const element = elements.get(path.join());
    const span = spanOf(numbers);
    if (element === undefined || !contains(span, [line - 1, column - 1])) continue;
    // What is around an element can begin with it, but only in that it ends later.
    if (found === undefined || contains(found.span, span.start)) found = { element, span };
  }
  return found?.element;
}

type Point = readonly [line: number, column: number];

interface Span {
  readonly start: Point;
  readonly end: Point;
}

/** A span of descriptor.proto has three numbers where it ends on the line on which it began. */
function spanOf([line = 0, column = 0, ...end]: readonly number[]): Span {
  const [endLine = line, endColumn = 0] = end.length === 1 ? [line, ...end] : end;
  return { start: [line, column], end: [endLine, endColumn] };
}

function contains({ start, end }: Span, point: Point): boolean {
  return !isBefore(point, start) && isBefore(point, end);
}

function isBefore([line, column]: Point, [otherLine, otherColumn]: Point): boolean {
  return line < otherLine || (line === otherLine && column < otherColumn);
}

function elementsOf(file: DescFile): Element[] {
  const elements: Element[] = [
    ...[...file.messages, ...file.enums, ...file.services],
    ...file.extensions,
  ];
  // The loop also visits what is added meanwhile: what is nested in what is nested.
  for (const element of elements) {
    if (element.kind === "service") elements.push(...element.methods);
    if (element.kind === "enum") elements.push(...element.values);
    if (element.kind !== "message") continue;
    elements.push(...element.oneofs, ...element.fields);
    elements.push(...element.nestedMessages, ...element.nestedEnums, ...element.nestedExtensions);
  }
  return elements;
}
