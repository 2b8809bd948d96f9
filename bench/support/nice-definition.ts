import type { BinaryWriter } from "@bufbuild/protobuf/wire";
import type { RequestOf, ResponseOf, ServiceDefinition } from "@org/kit";

/** A message as nice-grpc knows messages. Its own way to tell what may be left out does not know exact types. */
interface NiceMessage<T> {
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  decode(bytes: Uint8Array): T;
  fromPartial(message: T): T;
}

/** A definition with what nice-grpc asks for besides, as ts-proto's own has it. */
export interface NiceDefinition<D extends ServiceDefinition> {
  readonly name: string;
  readonly fullName: string;
  readonly methods: {
    readonly [K in keyof D["methods"]]: Pick<
      D["methods"][K],
      "name" | "requestStream" | "responseStream"
    > & {
      readonly requestType: NiceMessage<RequestOf<D["methods"][K]>>;
      readonly responseType: NiceMessage<ResponseOf<D["methods"][K]>>;
      readonly options: Readonly<Record<string, never>>;
    };
  };
}

/** The definition of the contract as ts-proto generates it for nice-grpc. */
export function niceDefinition<D extends ServiceDefinition>(definition: D): NiceDefinition<D> {
  const { fullName } = definition;
  const methods = Object.fromEntries(
    Object.entries(definition.methods).map(([key, method]) => [key, { ...method, options: {} }]),
  );
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- It has the methods of D, by the same names, which no type of `fromEntries` can say.
  return { name: fullName.split(".").at(-1) ?? "", fullName, methods } as NiceDefinition<D>;
}
