import type {
  DescEnum,
  DescEnumValue,
  DescField,
  DescMessage,
  DescMethod,
  DescService,
} from "@bufbuild/protobuf";
import { sourcePathOf } from "./contract-element.ts";

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
  const path = sourcePathOf(element).join();
  const { file } = "file" in element ? element : element.parent;
  const location = file.proto.sourceCodeInfo?.location.find((each) => each.path.join() === path);
  return (location?.leadingComments ?? "").replaceAll(/^ /gm, "").trim();
}
