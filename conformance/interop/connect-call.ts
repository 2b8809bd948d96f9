import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { compressionAlgorithms } from "@grpc/grpc-js";
import type { MessageType } from "@org/kit";
import {
  type CallOptions,
  type ChannelSettings,
  type Client,
  type ClientTls,
  createChannel,
  createClient,
  defaultMaxMessageBytes,
} from "@org/kit/client";
import { temporaryFolder } from "../support/temporary-folder.ts";
import type {
  Answer,
  ClientCompatRequest,
  ClientResponseResult,
  ConformanceService,
  Failure,
  Header,
  Messages,
  Payload,
} from "./connect-messages.ts";
import { toFailure, toHeaders, toMetadata } from "./connect-status.ts";

/** The suite's numbers. */
const gzip = 2;
const fullDuplex = 5;

/** Makes the call that the runner wants. Rejects only where there is none such. */
export async function makeCall(
  messages: Messages,
  request: ClientCompatRequest,
): Promise<ClientResponseResult> {
  await using folder = await temporaryFolder();
  const channel = createChannel(await settingsOf(request, folder.path));
  try {
    const client = createClient(messages.ConformanceServiceDefinition, { channel });
    const call = new SuiteCall(request);
    const error = await call.make(client, messages).then(
      () => undefined,
      (thrown: unknown) => toFailure(messages, thrown),
    );
    return call.result(error);
  } finally {
    channel.close();
  }
}

async function settingsOf(request: ClientCompatRequest, folder: string): Promise<ChannelSettings> {
  const { host, port, messageReceiveLimit, compression, serverTlsCert } = request;
  const tls = serverTlsCert.length > 0 ? await tlsOf(request, folder) : undefined;
  return {
    target: `${host}:${port}`,
    maxReceiveMessageBytes: messageReceiveLimit || defaultMaxMessageBytes,
    // The servers are no kit's.
    keepaliveMs: 300_000,
    ...(tls && { tls }),
    ...(compression === gzip && {
      channelOptions: { "grpc.default_compression_algorithm": compressionAlgorithms.gzip },
    }),
  };
}

/** The certificates, in the files that the kit reads them from. */
async function tlsOf(
  { serverTlsCert, clientTlsCreds }: ClientCompatRequest,
  folder: string,
): Promise<ClientTls> {
  const caFile = join(folder, "ca.pem");
  await writeFile(caFile, serverTlsCert);
  if (clientTlsCreds === undefined) return { caFile };
  const certFile = join(folder, "cert.pem");
  const keyFile = join(folder, "key.pem");
  await writeFile(certFile, clientTlsCreds.cert);
  await writeFile(keyFile, clientTlsCreds.key);
  return { caFile, certFile, keyFile };
}

/** One call of the suite, and what comes back. */
class SuiteCall {
  readonly #request: ClientCompatRequest;
  readonly #abort = new AbortController();
  readonly #payloads: Payload[] = [];
  #headers: readonly Header[] = [];
  #trailers: readonly Header[] = [];
  #sent = 0;
  /** Resolved with each answer, for a full-duplex stream. */
  #answered = Promise.withResolvers<void>();

  constructor(request: ClientCompatRequest) {
    this.#request = request;
  }

  /** Rejects with what the call fails with. */
  async make(client: Client<ConformanceService>, { ConformanceServiceDefinition }: Messages) {
    const { methods } = ConformanceServiceDefinition;
    const { method = "", requestMessages } = this.#request;
    const options = this.#options();
    switch (method) {
      case "Unary": {
        const answer = client.unary(this.#only(methods.unary.requestType), options);
        this.#closed();
        this.#receive(await answer);
        break;
      }
      case "Unimplemented": {
        await client.unimplemented(this.#only(methods.unimplemented.requestType), options);
        break;
      }
      case "ClientStream": {
        const requests = this.#requests(methods.clientStream.requestType);
        this.#receive(await client.clientStream(requests, options));
        break;
      }
      case "ServerStream": {
        const answers = client.serverStream(this.#only(methods.serverStream.requestType), options);
        this.#closed();
        await this.#receiveAll(answers);
        break;
      }
      case "BidiStream": {
        const requests = this.#requests(methods.bidiStream.requestType);
        await this.#receiveAll(client.bidiStream(requests, options));
        break;
      }
      default:
        throw new Error(`there is no method ${method} for ${requestMessages.length} requests`);
    }
  }

  /** What came of it. */
  result(error: Failure | undefined): ClientResponseResult {
    return {
      responseHeaders: this.#headers,
      payloads: this.#payloads,
      error,
      responseTrailers: this.#trailers,
      numUnsentRequests: this.#request.requestMessages.length - this.#sent,
      feedback: [],
    };
  }

  #options(): CallOptions {
    const { requestHeaders, timeoutMs = Infinity } = this.#request;
    return {
      metadata: toMetadata(requestHeaders),
      timeoutMs,
      signal: this.#abort.signal,
      onHeader: (header) => {
        this.#headers = toHeaders(header);
      },
      onTrailer: (trailer) => {
        this.#trailers = toHeaders(trailer);
      },
    };
  }

  #only<T>(type: MessageType<T>): T {
    const [message, ...others] = this.#request.requestMessages;
    if (message === undefined || others.length > 0) throw new Error("there must be one request");
    this.#sent = 1;
    return type.decode(message.value);
  }

  async *#requests<T>(type: MessageType<T>): AsyncGenerator<T, undefined> {
    const { requestMessages, requestDelayMs, streamType, cancel } = this.#request;
    for (const { value } of requestMessages) {
      if (requestDelayMs > 0) await delay(requestDelayMs);
      const answered = this.#answered.promise;
      this.#sent += 1;
      yield type.decode(value);
      if (streamType === fullDuplex) await answered;
    }
    if (cancel?.cancelTiming?.$case === "beforeCloseSend") {
      this.#abort.abort();
      // The end of this would close the stream.
      await new Promise(() => undefined);
    }
    this.#closed();
  }

  /** All requests are sent. */
  #closed(): void {
    const { cancel } = this.#request;
    if (cancel === undefined) return;
    const { cancelTiming = { $case: "afterCloseSendMs", value: 0 } } = cancel;
    if (cancelTiming.$case !== "afterCloseSendMs") return;
    setTimeout(() => {
      this.#abort.abort();
    }, cancelTiming.value);
  }

  async #receiveAll(answers: AsyncIterable<Answer>): Promise<void> {
    const timing = this.#request.cancel?.cancelTiming;
    for await (const answer of answers) {
      this.#receive(answer);
      const cancels =
        timing?.$case === "afterNumResponses" && timing.value === this.#payloads.length;
      if (cancels) this.#abort.abort();
      this.#answered.resolve();
      this.#answered = Promise.withResolvers();
    }
  }

  #receive({ payload }: Answer): void {
    this.#payloads.push(payload ?? { data: Buffer.alloc(0), requestInfo: undefined });
  }
}
