import type {
  DescEnum,
  DescEnumValue,
  DescField,
  DescMessage,
  DescMethod,
  DescService,
} from "@bufbuild/protobuf";

/** What comments are read of. */
export type Commented =
  | DescEnum
  | DescEnumValue
  | DescField
  | DescMessage
  | DescMethod
  | DescService;

/** The comment above an element, without the blank that follows each `//`; empty where there is none. */
export function commentOf(element: Commented): string {
  const path = pathOf(element).join();
  const { file } = "file" in element ? element : element.parent;
  const location = file.proto.sourceCodeInfo?.location.find((each) => each.path.join() === path);
  return (location?.leadingComments ?? "").replaceAll(/^ /gm, "").trim();
}

/** Where an element is in its file: field numbers of descriptor.proto, each with an index. */
function pathOf(element: Commented): number[] {
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
    case "enum":
      return element.parent === undefined
        ? [5, element.file.proto.enumType.indexOf(element.proto)]
        : [...pathOf(element.parent), 4, element.parent.proto.enumType.indexOf(element.proto)];
    case "enum_value":
      return [...pathOf(element.parent), 2, element.parent.proto.value.indexOf(element.proto)];
  }
}
