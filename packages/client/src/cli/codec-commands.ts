import { type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { type Command, Option } from "commander";
import { contractMessage, contractRegistry } from "./contract.ts";
import { addExamples } from "./help.ts";
import { openInput, readWhole } from "./input.ts";
import { messageFromJson, messageToJson } from "./message-json.ts";
import { parseJson } from "./parse-json.ts";
import type { Session } from "./session.ts";
import { unknownFields } from "./unknown-fields.ts";
import { UsageError } from "./usage-error.ts";

interface FormOptions {
  readonly hex?: true;
  readonly base64?: true;
}

const decodeNotes = `
The bytes are taken for hex where there are only hex digits, in pairs, and else for base64 or base64url;
--base64 is for base64 that happens to look like hex.`;

/** Adds `decode` and `encode`. */
export function addCodecCommands(program: Command, open: () => Session): void {
  const message = [
    "<message>",
    "a message of the contract: its full name, or the end of it",
  ] as const;

  const decode = program
    .command("decode")
    .description("show the bytes of a message as JSON, without any service")
    .argument(...message)
    .argument("<bytes>", "the bytes in base64 or hex, or - for the standard input")
    .addOption(new Option("--hex", "the bytes are in hex").conflicts("base64"))
    .option("--base64", "the bytes are in base64")
    .addHelpText("after", decodeNotes)
    .action(async (name: string, bytes: string, form: FormOptions) => {
      const session = open();
      const desc = contractMessage(name);
      const decoded = decodeMessage(desc, parseBytes(await textOf(bytes, session), form));
      const json = messageToJson(desc, decoded, contractRegistry());
      if (session.output.json) await session.output.value(json);
      else await session.output.line(JSON.stringify(json, null, 2));
      for (const { path, number } of unknownFields(desc, decoded)) {
        const where = path === "" ? "" : ` in ${path}`;
        session.output.warn(`the contract has no field ${number}${where}: left out`);
      }
    });
  addExamples(decode, "$ decode Product CgRwMDAxEgZMYXB0b3A=", "$ decode Product 0a0470303031");

  const encode = program
    .command("encode")
    .description("write a message's JSON as bytes, without any service")
    .argument(...message)
    .argument("<json>", "the message's JSON, or - for the standard input")
    .option("--hex", "write the bytes in hex instead of base64")
    .action(async (name: string, json: string, { hex }: FormOptions) => {
      const session = open();
      const desc = contractMessage(name);
      const value = parseJson(await textOf(json, session), json === "-" ? "stdin" : "the message");
      const encoded = Buffer.from(toBinary(desc, messageFromJson(desc, value, contractRegistry())));
      const form = hex === true ? "hex" : "base64";
      const text = encoded.toString(form);
      if (session.output.json) await session.output.value({ [form]: text });
      else await session.output.line(text);
    });
  addExamples(encode, `$ encode Product '{"id": "p001", "name": "Laptop"}'`);
}

async function textOf(argument: string, session: Session): Promise<string> {
  return argument === "-" ? await readWhole(await openInput("-", session)) : argument;
}

function parseBytes(text: string, { hex, base64 }: FormOptions): Buffer {
  const digits = text.replace(/\s/g, "");
  const looksHex = /^(?:[0-9a-f]{2})*$/i.test(digits);
  if (hex === true || (looksHex && base64 !== true)) {
    if (!looksHex) throw new UsageError("the bytes are not hex: it has pairs of 0-9 and a-f");
    return Buffer.from(digits, "hex");
  }
  // Buffer passes over whatever is not base64.
  const characters = digits.replace(/={1,2}$/, "");
  if (!/^[A-Za-z0-9+/_-]*$/.test(characters) || characters.length % 4 === 1) {
    throw new UsageError("the bytes are neither hex nor base64");
  }
  return Buffer.from(characters, "base64");
}

function decodeMessage(desc: DescMessage, bytes: Buffer): Message {
  try {
    return fromBinary(desc, bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : "";
    throw new UsageError(`the bytes are no ${desc.typeName}: ${reason}`, { cause: error });
  }
}
