import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIP } from "node:net";

/** A DNS server over UDP that knows a few names. All it says may be forgotten at once: its TTL is 0. */
export interface DnsStub extends AsyncDisposable {
  /** Where it listens, `127.0.0.1:port`: what `Resolver#setServers` takes. */
  readonly target: string;
  /** While true, it answers nothing; it still counts. False at first. */
  silent: boolean;
  /** Gives a name these addresses, IPv4 and IPv6, in place of all that it had. None: it exists, without any. */
  set(name: string, addresses: readonly string[]): void;
  /** Forgets a name: NXDOMAIN from now on. */
  delete(name: string): void;
  /** How often a name was asked for so far, each record type by itself. */
  queries(name: string): number;
}

interface Question {
  readonly id: number;
  /** Whether the client asks for recursion, which is repeated in the answer. */
  readonly recursion: boolean;
  readonly name: string;
  readonly type: number;
  /** The section as it came. */
  readonly bytes: Buffer;
}

const typeA = 1;
const typeAaaa = 28;
const nameError = 3;
const headerLength = 12;

/**
 * Starts a DNS server on 127.0.0.1, on a free port by default; getaddrinfo asks on 53. It answers A and AAAA,
 * says NXDOMAIN of names that it does not know, and takes no notice of what is no query.
 */
export async function startDns(
  records: Readonly<Record<string, readonly string[]>>,
  port = 0,
): Promise<DnsStub> {
  const table = new Map<string, readonly Buffer[]>();
  const counts = new Map<string, number>();
  const socket = createSocket("udp4");
  const stub: DnsStub = {
    get target() {
      return `127.0.0.1:${socket.address().port}`;
    },
    silent: false,
    set: (name, addresses) => void table.set(normal(name), addresses.map(encodeAddress)),
    delete: (name) => void table.delete(normal(name)),
    queries: (name) => counts.get(normal(name)) ?? 0,
    async [Symbol.asyncDispose]() {
      const closed = once(socket, "close");
      socket.close();
      await closed;
    },
  };
  for (const [name, addresses] of Object.entries(records)) stub.set(name, addresses);
  socket.on("message", (message, { address, port: from }) => {
    const question = parseQuestion(message);
    if (question === undefined) return;
    counts.set(question.name, stub.queries(question.name) + 1);
    if (!stub.silent) socket.send(encodeAnswer(question, table.get(question.name)), from, address);
  });
  socket.bind(port, "127.0.0.1");
  await once(socket, "listening");
  return stub;
}

function normal(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

/** RFC 1035, section 4.1: undefined where it is no standard query with one question. */
function parseQuestion(message: Buffer): Question | undefined {
  if (message.length < headerLength) return undefined;
  const flags = message.readUInt16BE(2);
  const isStandardQuery = (flags & 0xf800) === 0;
  if (!isStandardQuery || message.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = headerLength;
  for (;;) {
    const length = message[at];
    // Longer than a label may be: a pointer, which has nothing before it to point to.
    if (length === undefined || length > 63) return undefined;
    at += 1;
    if (length === 0) break;
    labels.push(message.toString("latin1", at, at + length));
    at += length;
  }
  const end = at + 4;
  if (end > message.length || at - headerLength > 255) return undefined;
  return {
    id: message.readUInt16BE(0),
    recursion: (flags & 0x0100) !== 0,
    name: normal(labels.join(".")),
    type: message.readUInt16BE(at),
    bytes: message.subarray(headerLength, end),
  };
}

/** The addresses are those of the name, of both types; undefined: there is no such name. */
function encodeAnswer(question: Question, addresses: readonly Buffer[] | undefined): Buffer {
  const { id, recursion, type, bytes } = question;
  const found = (addresses ?? []).filter((address) => typeOf(address) === type);
  const header = Buffer.alloc(headerLength);
  header.writeUInt16BE(id, 0);
  // A response, authoritative, with recursion available.
  const flags = 0x8480 | (recursion ? 0x0100 : 0);
  header.writeUInt16BE(addresses === undefined ? flags | nameError : flags, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(found.length, 6);
  const answers = found.map((address) => {
    const record = Buffer.alloc(12);
    // The name is the question's, which follows the header.
    record.writeUInt16BE(0xc000 | headerLength, 0);
    record.writeUInt16BE(type, 2);
    // The class Internet; the TTL after it stays 0.
    record.writeUInt16BE(1, 4);
    record.writeUInt16BE(address.length, 10);
    return Buffer.concat([record, address]);
  });
  return Buffer.concat([header, bytes, ...answers]);
}

function typeOf(address: Buffer): number {
  return address.length === 4 ? typeA : typeAaaa;
}

function encodeAddress(address: string): Buffer {
  const family = isIP(address);
  if (family === 4) return Buffer.from(address.split(".").map(Number));
  if (family !== 6) throw new Error(`${address} is no IP address`);
  // A URL writes it in hexadecimal groups alone; "::" stands for those that are missing.
  const [before = "", after = ""] = new URL(`http://[${address}]`).hostname
    .slice(1, -1)
    .split("::");
  const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const [head, tail] = [groups(before), groups(after)];
  const zeros = Array<string>(8 - head.length - tail.length).fill("0");
  return Buffer.from(
    [...head, ...zeros, ...tail].map((each) => each.padStart(4, "0")).join(""),
    "hex",
  );
}
