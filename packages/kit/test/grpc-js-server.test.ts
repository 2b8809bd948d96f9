import { once } from "node:events";
import { constants, createServer, type OutgoingHttpHeaders } from "node:http2";
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type UntypedHandleCall,
} from "@grpc/grpc-js";
import { describe, expect, test } from "@jest/globals";
import { createClient } from "../src/client-index.ts";
import { encodeStatus } from "../src/error-details.ts";
import { RequestInfo } from "../src/gen/google/rpc/error_details.ts";
import { Code } from "../src/index.ts";
import { createChannel } from "./create-channel.ts";
import { EchoDefinition } from "./echo.ts";
import {
  callAny,
  type EchoClient,
  failureOf,
  frame,
  gather,
  message,
  methods,
} from "./echo-server.ts";

interface Peer extends AsyncDisposable {
  readonly client: EchoClient;
}

function peerAt(port: number, stop: () => void): Peer {
  const channel = createChannel({ target: `127.0.0.1:${port}` });
  return {
    client: createClient(EchoDefinition, { channel }),
    async [Symbol.asyncDispose]() {
      channel.close();
      stop();
    },
  };
}

interface PlainHandlers {
  echo?: handleUnaryCall<RequestInfo, RequestInfo>;
  expand?: handleServerStreamingCall<RequestInfo, RequestInfo>;
  collect?: handleClientStreamingCall<RequestInfo, RequestInfo>;
  chat?: handleBidiStreamingCall<RequestInfo, RequestInfo>;
}

/** grpc-js's own server, with its defaults. */
async function startPlain(
  handlers: PlainHandlers,
  encode = (answer: RequestInfo): Buffer => Buffer.from(RequestInfo.encode(answer).finish()),
): Promise<Peer> {
  const server = new Server();
  const decode = (bytes: Buffer): RequestInfo => RequestInfo.decode(bytes);
  const service = Object.fromEntries(
    methods.map((key) => {
      const { name, requestStream, responseStream } = EchoDefinition.methods[key];
      const path = `/${EchoDefinition.fullName}/${name}`;
      const request = { requestStream, requestSerialize: encode, requestDeserialize: decode };
      const response = { responseStream, responseSerialize: encode, responseDeserialize: decode };
      return [key, { path, ...request, ...response }];
    }),
  );
  const implementation: Record<string, UntypedHandleCall> = { ...handlers };
  server.addService(service, implementation);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error === null) resolve(port);
    else reject(error);
  });
  return peerAt(await promise, () => {
    server.forceShutdown();
  });
}

type Write = (
  headers: OutgoingHttpHeaders,
  body: readonly Buffer[],
  trailers?: OutgoingHttpHeaders,
) => void;

/** A server that speaks HTTP/2, and of gRPC only what the test makes it say. */
async function startRaw(answer: (write: Write) => void): Promise<Peer> {
  const server = createServer();
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    answer((headers, body, trailers) => {
      if (trailers !== undefined) {
        stream.on("wantTrailers", () => {
          stream.sendTrailers(trailers);
        });
      }
      const endStream = trailers === undefined && body.length === 0;
      stream.respond(headers, { waitForTrailers: trailers !== undefined, endStream });
      if (endStream) return;
      for (const each of body) stream.write(each);
      stream.end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => sessions.add(session));
  return peerAt(typeof address === "object" ? (address?.port ?? 0) : 0, () => {
    server.close();
    for (const session of sessions) session.destroy();
  });
}

const ok = { ":status": 200, "content-type": "application/grpc" };
const done = { "grpc-status": "0" };

test("answers of all kinds arrive", async () => {
  await using peer = await startPlain({
    echo: ({ request }, respond) => {
      respond(null, message(`re: ${request.requestId}`));
    },
    expand: (call) => {
      call.write(message("1"));
      call.write(message("2"));
      call.end();
    },
    collect: (call, respond) => {
      const ids: string[] = [];
      call.on("data", ({ requestId }: RequestInfo) => ids.push(requestId));
      call.on("end", () => {
        respond(null, message(ids.join()));
      });
    },
    chat: (call) => {
      call.on("data", ({ requestId }: RequestInfo) => call.write(message(`re: ${requestId}`)));
      call.on("end", () => {
        call.end();
      });
    },
  });
  const requests = ["1", "2", "3"].map((id) => message(id));
  expect(await callAny(peer.client, "echo")).toEqual(["re: request"]);
  expect(await callAny(peer.client, "expand")).toEqual(["1", "2"]);
  expect(await peer.client.collect(requests)).toEqual(message("1,2,3"));
  const answers = await gather(peer.client.chat(requests));
  expect(answers.map(({ requestId }) => requestId)).toEqual(["re: 1", "re: 2", "re: 3"]);
});

test("statuses, details and metadata arrive", async () => {
  const metadata = new Metadata();
  metadata.set("trailer", "last");
  const value = { reason: "SOLD_OUT", domain: "shop", metadata: {} };
  metadata.set(
    "grpc-status-details-bin",
    encodeStatus(Code.FAILED_PRECONDITION, "ausverkauft: 売り切れ", [{ type: "ErrorInfo", value }]),
  );
  const failure = { code: Code.FAILED_PRECONDITION, details: "ausverkauft: 売り切れ", metadata };
  const fail = (_call: unknown, respond: sendUnaryData<RequestInfo>): void => {
    respond(failure);
  };
  const failStream = (call: { emit(event: "error", error: unknown): unknown }): void => {
    call.emit("error", failure);
  };
  await using peer = await startPlain({
    echo: fail,
    expand: failStream,
    collect: fail,
    chat: failStream,
  });
  for (const method of methods) {
    const error = await failureOf(callAny(peer.client, method));
    expect(error).toMatchObject({
      code: Code.FAILED_PRECONDITION,
      text: "ausverkauft: 売り切れ",
      reason: "SOLD_OUT",
    });
    expect(error.metadata?.get("trailer")).toEqual(["last"]);
  }
});

test("a deadline ends a call that a server never answers", async () => {
  const never = (): void => undefined;
  await using peer = await startPlain({ echo: never, expand: never, collect: never, chat: never });
  for (const method of methods) {
    const error = await failureOf(callAny(peer.client, method, { timeoutMs: 50 }));
    expect(error.code).toBe(Code.DEADLINE_EXCEEDED);
  }
});

test("bytes that are no answer fail the call", async () => {
  const respond = (_call: unknown, answer: sendUnaryData<RequestInfo>): void => {
    answer(null, message("1"));
  };
  const undecodable = (): Buffer => Buffer.of(0x0a, 0xff);
  await using peer = await startPlain(
    {
      echo: respond,
      expand: (call) => {
        call.write(message("1"));
        call.end();
      },
      collect: respond,
      chat: (call) => {
        call.write(message("1"));
        call.end();
      },
    },
    undecodable,
  );
  for (const method of methods) {
    const error = await failureOf(callAny(peer.client, method));
    expect(error).toMatchObject({ code: Code.INTERNAL, text: "the answer cannot be decoded" });
    expect(error.cause).toBeDefined();
  }
});

describe.each(["echo", "collect"] as const)("%s, which has one answer", (method) => {
  test("that comes twice fails the call", async () => {
    await using peer = await startRaw((write) => {
      write(ok, [frame(message("1")), frame(message("2"))], done);
    });
    const error = await failureOf(callAny(peer.client, method));
    expect(error).toMatchObject({
      code: Code.UNIMPLEMENTED,
      text: "the server sent a second message",
    });
  });

  test("that comes twice at once fails the call", async () => {
    await using peer = await startRaw((write) => {
      write(ok, [Buffer.concat([frame(message("1")), frame(message("2"))])], done);
    });
    const error = await failureOf(callAny(peer.client, method));
    expect(error).toMatchObject({
      code: Code.UNIMPLEMENTED,
      text: "the server sent a second message",
    });
  });

  test("that never comes although the status is OK fails the call", async () => {
    await using peer = await startRaw((write) => {
      write({ ...ok, ...done }, []);
    });
    const error = await failureOf(callAny(peer.client, method));
    expect(error).toMatchObject({
      code: Code.UNIMPLEMENTED,
      text: "the server sent OK but no message",
    });
  });

  test("that comes with a failure fails the call with that", async () => {
    await using peer = await startRaw((write) => {
      write(ok, [frame(message("1"))], { "grpc-status": "10", "grpc-message": "no%20more" });
    });
    const error = await failureOf(callAny(peer.client, method));
    expect(error).toMatchObject({ code: Code.ABORTED, text: "no more" });
  });
});

describe.each(methods)("%s", (method) => {
  test.each(["abc", "99", "-1", "5.5"])(
    "fails with UNKNOWN where the status is “%s”",
    async (status) => {
      await using peer = await startRaw((write) => {
        write(ok, [frame(message("1"))], { "grpc-status": status, "grpc-message": "odd" });
      });
      const error = await failureOf(callAny(peer.client, method));
      expect(error).toMatchObject({ code: Code.UNKNOWN });
    },
  );

  test("fails where there is no status", async () => {
    await using peer = await startRaw((write) => {
      write(ok, [frame(message("1"))]);
    });
    const error = await failureOf(callAny(peer.client, method));
    expect(error.code).not.toBe(Code.OK);
  });

  test.each([
    [503, Code.UNAVAILABLE],
    [404, Code.UNIMPLEMENTED],
    [401, Code.UNAUTHENTICATED],
    [418, Code.UNKNOWN],
  ])("fails where a proxy answers %d", async (status, code) => {
    await using peer = await startRaw((write) => {
      write({ ":status": status, "content-type": "text/html" }, [Buffer.from("<html>…</html>")]);
    });
    expect((await failureOf(callAny(peer.client, method))).code).toBe(code);
  });

  test("fails where a message ends half-way", async () => {
    await using peer = await startRaw((write) => {
      write(ok, [frame(message("1")), frame(message("2")).subarray(0, 6)], {
        "grpc-status": "14",
        "grpc-message": "gone",
      });
    });
    const error = await failureOf(callAny(peer.client, method));
    expect(error).toMatchObject({ code: Code.UNAVAILABLE, text: "gone" });
  });
});

test("an answer that is compressed in a way that nobody knows fails the call", async () => {
  await using peer = await startRaw((write) => {
    const compressed = frame(message("1"));
    compressed.writeUInt8(1);
    write({ ...ok, "grpc-encoding": "snappy" }, [compressed], done);
  });
  for (const method of methods) {
    const error = await failureOf(callAny(peer.client, method));
    expect(error).toMatchObject({
      code: Code.INTERNAL,
      text: "the answer is compressed in a way that the client does not know",
    });
  }
});

test("a call that its server resets at the deadline has run out of time", async () => {
  const server = createServer();
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    // A moment before the client's own timer.
    setTimeout(() => {
      stream.close(constants.NGHTTP2_CANCEL);
    }, 95);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const channel = createChannel({ target: `127.0.0.1:${port}`, services: [EchoDefinition] });
  const client = createClient(EchoDefinition, { channel });
  for (const method of methods) {
    const error = await failureOf(callAny(client, method, { timeoutMs: 100 }));
    expect(error).toMatchObject({ code: Code.DEADLINE_EXCEEDED, text: "the deadline passed" });
  }
  channel.close();
  server.close();
});
