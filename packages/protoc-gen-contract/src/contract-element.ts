import type { AnyDesc, DescFile } from "@bufbuild/protobuf";

type SourceLocation = NonNullable<DescFile["proto"]["sourceCodeInfo"]>["location"][number];

/** What a contract is made of. */
export type Element = Exclude<AnyDesc, { kind: "file" }>;

/** The file that an element is in. */
export function fileOf(element: Element): DescFile {
  return ("file" in element ? element : element.parent).file;
}

/** What a file's source information has of an element; undefined where the file came without its source. */
export function sourceLocationOf(element: Element): SourceLocation | undefined {
  const path = sourcePathOf(element).join();
  return fileOf(element).proto.sourceCodeInfo?.location.find((each) => each.path.join() === path);
}

/** An element's full name: `org.user.v1.User.name`. */
export function fullName(element: Element): string {
  return "typeName" in element ? element.typeName : `${element.parent.typeName}.${element.name}`;
}

/** Where an element is in its file: field numbers of descriptor.proto, each with an index. */
export function sourcePathOf(element: Element): number[] {
  switch (element.kind) {
    case "service":
      return [6, element.file.proto.service.indexOf(element.proto)];
    case "rpc":
      return [
        ...sourcePathOf(element.parent),
        2,
        element.parent.proto.method.indexOf(element.proto),
      ];
    case "message":
      return element.parent === undefined
        ? [4, element.file.proto.messageType.indexOf(element.proto)]
        : [
            ...sourcePathOf(element.parent),
            3,
            element.parent.proto.nestedType.indexOf(element.proto),
          ];
    case "field":
      return [
        ...sourcePathOf(element.parent),
        2,
        element.parent.proto.field.indexOf(element.proto),
      ];
    case "oneof":
      return [
        ...sourcePathOf(element.parent),
        8,
        element.parent.proto.oneofDecl.indexOf(element.proto),
      ];
    case "extension":
      return element.parent === undefined
        ? [7, element.file.proto.extension.indexOf(element.proto)]
        : [
            ...sourcePathOf(element.parent),
            6,
            element.parent.proto.extension.indexOf(element.proto),
          ];
    case "enum":
      return element.parent === undefined
        ? [5, element.file.proto.enumType.indexOf(element.proto)]
        : [
            ...sourcePathOf(element.parent),
            4,
            element.parent.proto.enumType.indexOf(element.proto),
          ];
    case "enum_value":
      return [
        ...sourcePathOf(element.parent),
        2,
        element.parent.proto.value.indexOf(element.proto),
      ];
  }
}
