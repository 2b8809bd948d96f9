/**
 * The elements of a contract: what they are called, where their files have them, and which of them
 * stands at a position.
 */
import type { AnyDesc, DescFile, FileRegistry } from "@bufbuild/protobuf";

/** What a contract is made of. */
export type Element = Exclude<AnyDesc, { kind: "file" }>;

/** A place in a file of proto/, counted from 1. */
export interface Position {
  /** The file's path in proto/. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** An element's full name: `org.user.v1.User.name`. */
export function fullName(element: Element): string {
  return "typeName" in element ? element.typeName : `${element.parent.typeName}.${element.name}`;
}

/** Where an element begins, or undefined where the file came without its source. */
export function positionOf(element: Element): Position | undefined {
  const { file } = "file" in element ? element : element.parent;
  const path = pathOf(element).join();
  const location = file.proto.sourceCodeInfo?.location.find((each) => each.path.join() === path);
  const [line, column] = location?.span ?? [];
  if (line === undefined || column === undefined) return undefined;
  return { file: file.proto.name, line: line + 1, column: column + 1 };
}

/** The innermost element around a position, or undefined where there is none but the file. */
export function elementAt(
  registry: FileRegistry,
  { file: name, line, column }: Position,
): Element | undefined {
  const file = registry.getFile(name);
  if (file === undefined) return undefined;
  const elements = new Map(elementsOf(file).map((each) => [pathOf(each).join(), each]));
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

/** Where an element is in its file: field numbers of descriptor.proto, each with an index. */
function pathOf(element: Element): number[] {
  switch (element.kind) {
    case "service":
      return [6, element.file.proto.service.indexOf(element.proto)];
    case "rpc":
      return [...pathOf(element.parent), 2, element.parent.proto.method.indexOf(element.proto)];
    case "message":
      return element.parent === undefined
        ? [4, element.file.proto.messageType.indexOf(element.proto)]
        : [...pathOf(element.parent), 3, element.parent.proto.nestedType.indexOf(element.proto)];
    case "field":
      return [...pathOf(element.parent), 2, element.parent.proto.field.indexOf(element.proto)];
    case "oneof":
      return [...pathOf(element.parent), 8, element.parent.proto.oneofDecl.indexOf(element.proto)];
    case "extension":
      return element.parent === undefined
        ? [7, element.file.proto.extension.indexOf(element.proto)]
        : [...pathOf(element.parent), 6, element.parent.proto.extension.indexOf(element.proto)];
    case "enum":
      return element.parent === undefined
        ? [5, element.file.proto.enumType.indexOf(element.proto)]
        : [...pathOf(element.parent), 4, element.parent.proto.enumType.indexOf(element.proto)];
    case "enum_value":
      return [...pathOf(element.parent), 2, element.parent.proto.value.indexOf(element.proto)];
  }
}
