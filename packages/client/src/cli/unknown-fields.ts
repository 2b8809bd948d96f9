import type { DescMessage, Message } from "@bufbuild/protobuf";
import { isReflectMessage, reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";

/** A field of some bytes that the message's description does not have. */
export interface UnknownField {
  /** The path of the message that has it; "" for the outermost. */
  readonly path: string;
  readonly number: number;
}

/** All fields that a decoded message, or one inside it, has and its description has not. */
export function unknownFields(desc: DescMessage, message: Message): UnknownField[] {
  return [...fieldsIn(reflect(desc, message), "")];
}

function* fieldsIn(message: ReflectMessage, path: string): Generator<UnknownField, void> {
  const numbers = new Set(message.getUnknown()?.map(({ no }) => no));
  for (const number of numbers) yield { path, number };
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const at = path === "" ? field.name : `${path}.${field.name}`;
    if (field.fieldKind === "message") {
      yield* fieldsIn(message.get(field), at);
    } else if (field.fieldKind === "list") {
      for (const [index, item] of [...message.get(field)].entries()) {
        if (isReflectMessage(item)) yield* fieldsIn(item, `${at}[${index}]`);
      }
    } else if (field.fieldKind === "map") {
      for (const [key, item] of message.get(field)) {
        if (isReflectMessage(item)) yield* fieldsIn(item, `${at}[${JSON.stringify(key)}]`);
      }
    }
  }
}
