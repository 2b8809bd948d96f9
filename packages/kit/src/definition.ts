import type { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { FastReader } from "./fast-reader.ts";
import type { MethodPolicy, ServicePolicy } from "./policy.ts";
import type { Violation } from "./rpc-error.ts";
import { borrowWriter, returnWriter, type ScratchWriter } from "./scratch-writer.ts";

/** What ts-proto generates for each message: how it becomes bytes, and back. */
export interface MessageType<T> {
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array, length?: number): T;
  /** Fills the fields that are left out with their defaults. The generated types check the object. */
  fromPartial(object: never): T;
}

/** One method, as ts-proto's `generic-definitions` and protoc-gen-contract describe it. */
export interface MethodDefinition {
  /** The method's name in the .proto file. */
  readonly name: string;
  readonly requestType: MessageType<unknown>;
  readonly requestStream: boolean;
  readonly responseType: MessageType<unknown>;
  readonly responseStream: boolean;
  /** Who may call it, for how long, and how it fails; without it, nothing of that is enforced. */
  readonly policy?: MethodPolicy;
  /** Finds what is wrong with a request; undefined where nothing can be. */
  readonly check?: ((request: never) => readonly Violation[] | undefined) | undefined;
}

/** One service, as ts-proto's `generic-definitions` and protoc-gen-contract describe it. */
export interface ServiceDefinition {
  /** The service's name in the .proto file, its package included. */
  readonly fullName: string;
  /** By the method's name in lower camel case. */
  readonly methods: Readonly<Record<string, MethodDefinition>>;
  /** What all methods have in common. */
  readonly policy?: ServicePolicy;
}

/** What a method receives, in full: each field is set. */
export type RequestOf<M extends MethodDefinition> =
  M["requestType"] extends MessageType<infer T> ? T : never;

/** What a method answers, in full: each field is set. */
export type ResponseOf<M extends MethodDefinition> =
  M["responseType"] extends MessageType<infer T> ? T : never;

/** How many messages go each way. */
export type MethodKind = "unary" | "serverStream" | "clientStream" | "bidi";

/** The kind of a method. */
export function kindOf(method: MethodDefinition): MethodKind {
  if (method.requestStream) return method.responseStream ? "bidi" : "clientStream";
  return method.responseStream ? "serverStream" : "unary";
}

/** The path that names a method on the wire. */
export function pathOf(serviceName: string, method: MethodDefinition): string {
  return `/${serviceName}/${method.name}`;
}

/**
 * Turns a message type's encoder into one that gives the message alone. What it gives is the caller's, but keeps a chunk
 * with other messages alive: who keeps it for long, keeps a copy.
 */
export function encoderOf<T>(type: MessageType<T>): (message: T) => Buffer {
  return (message) => {
    const writer = borrowWriter();
    try {
      writeMessage(writer, type, message);
      return writer.take();
    } catch (error) {
      writer.rewind(0);
      throw error;
    } finally {
      returnWriter(writer);
    }
  };
}

/**
 * The same with the prefix that messages have on the wire, for `maxBytes` without it at most.
 *
 * See https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export function framedEncoderOf<T>(
  type: MessageType<T>,
  maxBytes?: number,
): (message: T) => Buffer {
  const most = maxBytes ?? Infinity;
  return (message) => {
    const writer = borrowWriter();
    try {
      writeFrame(writer, type, message, most);
      return writer.take();
    } finally {
      returnWriter(writer);
    }
  };
}

/** A message has more bytes than may be sent. */
export class MessageTooLargeError extends Error {
  readonly bytes: number;

  constructor(bytes: number, maxBytes: number) {
    super(`the message has ${bytes} bytes, of at most ${maxBytes}`);
    this.bytes = bytes;
  }
}

/**
 * Writes a message with its prefix; nothing where that throws: as it cannot be encoded or, a
 * {@link MessageTooLargeError}, is too large.
 */
export function writeFrame<T>(
  writer: ScratchWriter,
  type: MessageType<T>,
  message: T,
  maxBytes: number,
): void {
  const begin = writer.openFrame();
  try {
    writeMessage(writer, type, message);
    const bytes = writer.closeFrame(begin);
    if (bytes > maxBytes) throw new MessageTooLargeError(bytes, maxBytes);
  } catch (error) {
    writer.rewind(begin);
    throw error;
  }
}

function writeMessage<T>(writer: ScratchWriter, type: MessageType<T>, message: T): void {
  const used = type.encode(message, writer);
  // An encoder that was written by hand may have one of its own.
  if (used !== writer) writer.raw(used.finish());
}

/** For the message that is being read; a message inside of another's decoder takes another one. */
let spareReader: FastReader | undefined;

/** Decodes the message that is in bytes: in all of them, or from `start` to `end`. */
export type Decode<T> = (bytes: Uint8Array, start?: number, end?: number) => T;

/**
 * Turns a message type's decoder into one that reads faster. Fields of bytes are views of what it reads,
 * where they are in what the decoder itself gives.
 */
export function decoderOf<T>(type: MessageType<T>): Decode<T> {
  if (!takesReader(type)) return (bytes, start, end) => type.decode(bytes.subarray(start, end));
  return (bytes, start = 0, end = bytes.length) => {
    const reader = spareReader ?? new FastReader();
    spareReader = undefined;
    try {
      return type.decode(reader.open(bytes, start, end));
    } finally {
      reader.close();
      spareReader = reader;
    }
  };
}

/** A field that no message has, as its number is reserved, so that all skip it. */
const unknownField = Buffer.of(0xc0, 0xa3, 0x09, 0x00);

/**
 * Whether a decoder knows the reader for one. It does not where its package has a copy of
 * `@bufbuild/protobuf` of its own, and would take the reader for the bytes.
 */
function takesReader(type: MessageType<unknown>): boolean {
  const reader = new FastReader().open(unknownField);
  try {
    type.decode(reader);
  } catch {
    return false;
  }
  return reader.pos === unknownField.length;
}
