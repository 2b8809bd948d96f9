import { RequestInfo } from "../src/gen/google/rpc/error_details.ts";

/** A service with one method of each kind; its messages are ones that the kit has anyway. */
export const EchoDefinition = {
  fullName: "org.kit.test.v1.EchoService",
  methods: {
    /** One message in, one out. */
    echo: {
      name: "Echo",
      requestType: RequestInfo as typeof RequestInfo,
      requestStream: false,
      responseType: RequestInfo as typeof RequestInfo,
      responseStream: false,
    },
    /** One message in, many out. */
    expand: {
      name: "Expand",
      requestType: RequestInfo as typeof RequestInfo,
      requestStream: false,
      responseType: RequestInfo as typeof RequestInfo,
      responseStream: true,
    },
    /** Many messages in, one out. */
    collect: {
      name: "Collect",
      requestType: RequestInfo as typeof RequestInfo,
      requestStream: true,
      responseType: RequestInfo as typeof RequestInfo,
      responseStream: false,
    },
    /** Many messages in, many out. */
    chat: {
      name: "Chat",
      requestType: RequestInfo as typeof RequestInfo,
      requestStream: true,
      responseType: RequestInfo as typeof RequestInfo,
      responseStream: true,
    },
  },
} as const;
