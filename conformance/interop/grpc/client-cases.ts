import { Metadata } from "@grpc/grpc-js";
import { expect } from "@jest/globals";
import { type CallOptions, type Client, Code } from "@org/kit/client";
import { failureOf } from "../../support/failure-of.ts";
import type { PayloadResponse, TestingContract } from "./testing-contract.ts";

/** Our clients of a server's two services. */
export interface Clients {
  readonly testing: Client<TestingContract["TestServiceDefinition"]>;
  readonly unimplemented: Client<TestingContract["UnimplementedServiceDefinition"]>;
}

/** The cases that our client runs against servers of other makers: what each does, and what it expects. */
export const clientCases: Readonly<Record<string, (clients: Clients) => Promise<void>>> = {
  async empty_unary({ testing }) {
    expect(await testing.emptyCall({})).toEqual({});
  },

  async large_unary({ testing }) {
    expectZeros(await testing.unaryCall(large), 314_159);
  },

  async client_streaming({ testing }) {
    const requests = [27_182, 8, 1_828, 45_904].map((size) => ({ payload: zeros(size) }));
    const { aggregatedPayloadSize } = await testing.streamingInputCall(requests);
    expect(aggregatedPayloadSize).toBe(74_922);
  },

  async server_streaming({ testing }) {
    const sizes = [31_415, 9, 2_653, 58_979];
    const responseParameters = sizes.map((size) => ({ size }));
    const answers = await collect(testing.streamingOutputCall({ responseParameters }));
    expect(answers).toHaveLength(sizes.length);
    for (const [index, size] of sizes.entries()) expectZeros(answers[index], size);
  },

  async ping_pong({ testing }) {
    const turns = [
      { asked: 31_415, sent: 27_182 },
      { asked: 9, sent: 8 },
      { asked: 2_653, sent: 1_828 },
      { asked: 58_979, sent: 45_904 },
    ].map((turn) => ({ ...turn, answered: Promise.withResolvers<void>() }));
    async function* requests(): AsyncGenerator<OutputInput> {
      for (const { asked, sent, answered } of turns) {
        yield { responseParameters: [{ size: asked }], payload: zeros(sent) };
        await answered.promise;
      }
    }
    let count = 0;
    for await (const answer of testing.fullDuplexCall(requests())) {
      const turn = turns[count];
      expectZeros(answer, turn?.asked);
      turn?.answered.resolve();
      count += 1;
    }
    expect(count).toBe(turns.length);
  },

  async empty_stream({ testing }) {
    expect(await collect(testing.fullDuplexCall([]))).toEqual([]);
  },

  async custom_metadata({ testing }) {
    const unary = echoes();
    expectZeros(await testing.unaryCall(large, unary.options), 314_159);
    unary.expectBack();

    const duplex = echoes();
    const requests = [{ responseParameters: [{ size: 314_159 }], payload: zeros(271_828) }];
    const answers = await collect(testing.fullDuplexCall(requests, duplex.options));
    expect(answers).toHaveLength(1);
    expectZeros(answers[0], 314_159);
    duplex.expectBack();
  },

  async status_code_and_message({ testing }) {
    const responseStatus = { code: Code.UNKNOWN, message: "test status message" };
    const expected = { code: Code.UNKNOWN, text: responseStatus.message };
    expect(await failureOf(testing.unaryCall({ responseStatus }))).toMatchObject(expected);
    expect(await failureOf(collect(testing.fullDuplexCall([{ responseStatus }])))).toMatchObject(
      expected,
    );
  },

  async special_status_message({ testing }) {
    const message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
    const failure = failureOf(
      testing.unaryCall({ responseStatus: { code: Code.UNKNOWN, message } }),
    );
    expect(await failure).toMatchObject({ code: Code.UNKNOWN, text: message });
  },

  async unimplemented_method({ testing }) {
    expect((await failureOf(testing.unimplementedCall({}))).code).toBe(Code.UNIMPLEMENTED);
  },

  async unimplemented_service({ unimplemented }) {
    expect((await failureOf(unimplemented.unimplementedCall({}))).code).toBe(Code.UNIMPLEMENTED);
  },

  async cancel_after_begin({ testing }) {
    const cancel = new AbortController();
    const call = testing.streamingInputCall(endless(), { signal: cancel.signal });
    cancel.abort();
    expect((await failureOf(call)).code).toBe(Code.CANCELLED);
  },

  async cancel_after_first_response({ testing }) {
    const cancel = new AbortController();
    const first = { responseParameters: [{ size: 31_415 }], payload: zeros(27_182) };
    const answers = testing.fullDuplexCall(endless(first), { signal: cancel.signal });
    expectZeros((await answers.next()).value, 31_415);
    cancel.abort();
    expect((await failureOf(answers.next())).code).toBe(Code.CANCELLED);
  },

  async timeout_on_sleeping_server({ testing }) {
    const answers = testing.fullDuplexCall(endless({ payload: zeros(27_182) }), { timeoutMs: 1 });
    expect((await failureOf(answers.next())).code).toBe(Code.DEADLINE_EXCEEDED);
  },

  async concurrent_large_unary({ testing }) {
    const calls = Array.from({ length: 1_000 }, async () => {
      expectZeros(await testing.unaryCall(large, { timeoutMs: 60_000 }), 314_159);
    });
    await Promise.all(calls);
  },
};

const large = { responseSize: 314_159, payload: zeros(271_828) };

interface OutputInput {
  readonly responseParameters?: readonly { readonly size: number }[];
  readonly payload?: { readonly body: Uint8Array };
}

function zeros(size: number): { readonly body: Uint8Array } {
  return { body: Buffer.alloc(size) };
}

/** Fails unless the payload is of that size, and all zeros. */
export function expectZeros(answer: PayloadResponse | undefined, size: number | undefined): void {
  const body = answer?.payload?.body;
  expect(body).toHaveLength(size ?? 0);
  expect(Buffer.alloc(size ?? 0).equals(body ?? Buffer.of(1))).toBe(true);
}

async function collect<T>(answers: AsyncIterable<T>): Promise<readonly T[]> {
  const collected: T[] = [];
  for await (const answer of answers) collected.push(answer);
  return collected;
}

/** Requests that do not end: the stream stays open after those that are given. */
async function* endless<T>(...requests: T[]): AsyncGenerator<T, undefined> {
  yield* requests;
  return new Promise<never>(() => undefined);
}

/** What to send for the server to send back, and whether it did. */
function echoes(): { readonly options: CallOptions; expectBack(): void } {
  const [initial, trailing] = [
    "x-grpc-test-echo-initial",
    "x-grpc-test-echo-trailing-bin",
  ] as const;
  const metadata = new Metadata();
  metadata.set(initial, "test_initial_metadata_value");
  metadata.set(trailing, Buffer.from("ababab", "hex"));
  let header: Metadata | undefined;
  let trailer: Metadata | undefined;
  return {
    options: {
      metadata,
      onHeader: (received) => {
        header = received;
      },
      onTrailer: (received) => {
        trailer = received;
      },
    },
    expectBack() {
      expect(header?.get(initial)).toEqual(metadata.get(initial));
      expect(trailer?.get(trailing)).toEqual(metadata.get(trailing));
    },
  };
}
