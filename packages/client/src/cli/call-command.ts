import type { JsonValue, Message } from "@bufbuild/protobuf";
import { Code, RpcError } from "@org/kit/client";
import type { Command } from "commander";
import { parseTarget } from "./config.ts";
import { callDynamic } from "./dynamic-client.ts";
import { addExamples } from "./help.ts";
import { type Input, openInput, readWhole } from "./input.ts";
import { messageFromJson, messageToJson } from "./message-json.ts";
import { linesOf } from "./ndjson-rows.ts";
import { parseJson } from "./parse-json.ts";
import { type ReflectedMethod, reflectMethod } from "./reflect-method.ts";
import { ownerOf } from "./service-owners.ts";
import type { Session } from "./session.ts";
import { UsageError } from "./usage-error.ts";

const notes = `
The method is found by the server's reflection, at the target that the service belongs to; --products
where it is none of ours.

A method that takes a stream takes an array of messages, or from the standard input one message a line,
each of which is sent as soon as it has been read. Every answer is printed on a line, as JSON.`;

/** Adds `call`. */
export function addCallCommand(program: Command, open: () => Session): void {
  const call = program
    .command("call")
    .description("call any method of any service that has reflection")
    .argument("<service/method>", "the service's full name or the end of it, and the method's name")
    .argument("<json>", "the request's JSON, or - for the standard input")
    .option("--target <target>", "where the service is", parseTarget)
    .addHelpText("after", notes)
    .action(async (path: string, json: string, { target }: { target?: string }) => {
      const session = open();
      const owner = ownerOf(path.replace(/^\//, "").replace(/\/.*$/s, "")) ?? "products";
      await session.callTarget(target ?? session.targets[owner], async (channel) => {
        const reflected = await reflectMethod(channel, path, session.callOptions);
        const requests = await requestsOf(reflected, json, session);
        const answers = callDynamic(channel, reflected.method, requests, session);
        for await (const answer of answers) {
          await session.output.value(answerToJson(reflected, answer));
        }
      });
    });
  addExamples(
    call,
    `$ call org.product.v1.ProductService/GetProduct '{"productId": "p001"}'`,
    `$ call UserService/BulkCreateUsers '[{"name": "Bob", "email": "bob@example.com"}]'`,
  );
}

/** An answer in JSON. That it has no such form is the service's fault. */
function answerToJson({ method, registry }: ReflectedMethod, answer: Message): unknown {
  try {
    return messageToJson(method.output, answer, registry);
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    throw new RpcError(Code.INTERNAL, `the answer has no JSON form: ${cause.message}`, { cause });
  }
}

/** The messages to send. All are checked before the first is sent, but those from a stream's input. */
async function requestsOf(
  { method, registry }: ReflectedMethod,
  json: string,
  session: Session,
): Promise<AsyncIterable<Message> | Iterable<Message>> {
  const toMessage = (value: JsonValue): Message => messageFromJson(method.input, value, registry);
  const streams =
    method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
  if (json === "-" && streams) return messagesOf(await openInput("-", session), toMessage);
  const text = json === "-" ? await readWhole(await openInput("-", session)) : json;
  const value = parseJson(text, json === "-" ? "stdin" : "the request");
  if (!streams && Array.isArray(value)) {
    throw new UsageError(`${method.name} takes one message, not an array of them`);
  }
  return Array.isArray(value) ? value.map(toMessage) : [toMessage(value)];
}

async function* messagesOf(
  input: Input,
  toMessage: (value: JsonValue) => Message,
): AsyncGenerator<Message, void> {
  for await (const { number, text } of linesOf(input.text(), Infinity)) {
    if (text.trim() === "") continue;
    const value = parseJson(text, `line ${number} of ${input.name}`);
    for (const each of Array.isArray(value) ? value : [value]) yield toMessage(each);
  }
}
