import { RequestInfo } from "../src/gen/google/rpc/error_details.ts";
import { Status } from "../src/gen/google/rpc/status.ts";

interface EchoMethod<T, In extends boolean, Out extends boolean> {
  readonly name: string;
  readonly requestType: T;
  readonly requestStream: In;
  readonly responseType: T;
  readonly responseStream: Out;
}

/** A service with one method of each kind, in the shape that ts-proto generates. */
interface EchoService<T> {
  readonly fullName: string;
  readonly methods: {
    /** One message in, one out. */
    readonly echo: EchoMethod<T, false, false>;
    /** One message in, many out. */
    readonly expand: EchoMethod<T, false, true>;
    /** Many messages in, one out. */
    readonly collect: EchoMethod<T, true, false>;
    /** Many messages in, many out. */
    readonly chat: EchoMethod<T, true, true>;
  };
}

/** The service of most tests; its messages are ones that the kit has anyway. */
export const EchoDefinition: EchoService<typeof RequestInfo> = define(
  "org.kit.test.v1.EchoService",
  RequestInfo,
);

/** The same with messages that have a number, so that not everything can be encoded as one. */
export const CodedDefinition: EchoService<typeof Status> = define(
  "org.kit.test.v1.CodedService",
  Status,
);

function define<T>(fullName: string, type: T): EchoService<T> {
  const types = { requestType: type, responseType: type };
  return {
    fullName,
    methods: {
      echo: { name: "Echo", ...types, requestStream: false, responseStream: false },
      expand: { name: "Expand", ...types, requestStream: false, responseStream: true },
      collect: { name: "Collect", ...types, requestStream: true, responseStream: false },
      chat: { name: "Chat", ...types, requestStream: true, responseStream: true },
    },
  };
}
