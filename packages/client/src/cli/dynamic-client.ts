import {
  type DescMessage,
  type DescMethod,
  fromBinary,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { createClient, type createChannel, defaultTimeoutMs } from "@org/kit/client";
import type { Session } from "./session.ts";

/**
 * Calls a method that is known only since the server described it. Whatever its kind, it is called as
 * a bidirectional one: on the wire, the others are the same with one message in that place.
 */
export function callDynamic(
  channel: ReturnType<typeof createChannel>,
  method: DescMethod,
  requests: AsyncIterable<Message> | Iterable<Message>,
  { token, callOptions }: Pick<Session, "token" | "callOptions">,
): AsyncIterable<Message> {
  const streams =
    method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming";
  const client = createClient(
    {
      fullName: method.parent.typeName,
      methods: {
        call: {
          name: method.name,
          requestType: messageType(method.input),
          requestStream: true,
          responseType: messageType(method.output),
          responseStream: true,
        },
      },
    },
    {
      channel,
      timeoutMs: streams ? Infinity : defaultTimeoutMs,
      ...(token !== undefined && { token }),
    },
  );
  return client.call(requests, callOptions);
}

/** A message as the kit knows messages: how it becomes bytes, and back. */
function messageType(desc: DescMessage): {
  encode(message: Message, writer?: BinaryWriter): BinaryWriter;
  decode(bytes: Uint8Array): Message;
  fromPartial(message: never): Message;
} {
  return {
    encode: (message, writer = new BinaryWriter()) => writer.raw(toBinary(desc, message)),
    decode: (bytes) => fromBinary(desc, bytes),
    fromPartial: (message) => message,
  };
}
