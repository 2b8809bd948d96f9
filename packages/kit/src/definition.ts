import type { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { MethodPolicy, ServicePolicy } from "./policy.ts";
import type { Violation } from "./rpc-error.ts";

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

/** Turns a message type's encoder into one that gives a Buffer, as grpc-js wants it, without a copy. */
export function encoderOf<T>(type: MessageType<T>): (message: T) => Buffer {
  return (message) => {
    const bytes = type.encode(message).finish();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}
