import type {
  DescEnum,
  DescEnumValue,
  DescField,
  DescMessage,
  DescMethod,
  DescService,
} from "@bufbuild/protobuf";
import { sourceLocationOf } from "./contract-element.ts";

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
  const location = sourceLocationOf(element);
  return (location?.leadingComments ?? "").replaceAll(/^ /gm, "").trim();
}
