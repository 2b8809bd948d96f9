import { create, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";

/**
 * The same message as protobuf-es has it, which shares no code with ts-proto: to encode, decode and
 * compare it independently of what we generate.
 */
export function independentMessage(descriptor: DescMessage, message: object): Message {
  const init: Record<string, unknown> = {};
  for (const member of descriptor.members) {
    const value: unknown = Reflect.get(message, member.localName);
    if (value === undefined) continue;
    init[member.localName] =
      member.kind === "oneof" ? oneofValue(member.fields, value) : fieldValue(member, value);
  }
  return create(descriptor, init);
}

function oneofValue(fields: readonly DescField[], chosen: unknown): unknown {
  if (!isChosen(chosen)) throw new TypeError("a oneof holds something else than a $case");
  const field = fields.find(({ localName }) => localName === chosen.$case);
  if (field === undefined) throw new TypeError(`the oneof has no field ${chosen.$case}`);
  return { case: chosen.$case, value: fieldValue(field, chosen.value) };
}

function fieldValue(field: DescField, value: unknown): unknown {
  const { message } = field;
  if (message === undefined) return value;
  if (Array.isArray(value)) return value.map((each) => fieldValue(field, each));
  if (typeof value !== "object" || value === null) throw new TypeError(`${field.name}: no message`);
  return independentMessage(message, value);
}

function isChosen(value: unknown): value is { readonly $case: string; readonly value: unknown } {
  return typeof value === "object" && value !== null && "$case" in value && "value" in value;
}
