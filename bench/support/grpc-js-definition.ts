import type { ServiceDefinition as GrpcJsDefinition } from "@grpc/grpc-js";
import type { MessageType, ServiceDefinition } from "@org/kit";

/** What ts-proto itself generates for grpc-js (`outputServices=grpc-js`), made of its generic definition. */
export function grpcJsDefinition({ fullName, methods }: ServiceDefinition): GrpcJsDefinition {
  return Object.fromEntries(
    Object.entries(methods).map(([key, method]) => [
      key,
      {
        path: `/${fullName}/${method.name}`,
        requestStream: method.requestStream,
        responseStream: method.responseStream,
        ...{
          requestSerialize: serializer(method.requestType),
          requestDeserialize: (bytes: Buffer) => method.requestType.decode(bytes),
          responseSerialize: serializer(method.responseType),
          responseDeserialize: (bytes: Buffer) => method.responseType.decode(bytes),
        },
      },
    ]),
  );
}

function serializer<T>(type: MessageType<T>): (message: T) => Buffer {
  return (message) => Buffer.from(type.encode(message).finish());
}
