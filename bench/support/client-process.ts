/** What the programs of bench/clients have in common: they make calls when their parent says so. */
import { z } from "zod";
import { Product } from "@org/contracts/product/v1";
import { product } from "./work.ts";

/** What a client is to do. */
export interface ClientJob {
  readonly inFlight: number;
  /** For how long calls are begun, in milliseconds. */
  readonly forMs: number;
  /** Whether that is for the client to warm up. */
  readonly isWarmUp?: boolean | undefined;
}
const clientJob: z.ZodType<ClientJob> = z.object({
  inFlight: z.number(),
  forMs: z.number(),
  isWarmUp: z.boolean().optional(),
});

/** What came of it. */
export interface ClientResult {
  readonly calls: number;
  readonly seconds: number;
  /** Of the client, in microseconds. */
  readonly cpuMicroseconds: number;
}
export const clientResult: z.ZodType<ClientResult> = z.object({
  calls: z.number(),
  seconds: z.number(),
  cpuMicroseconds: z.number(),
});

/** One client of GetProduct. */
export interface ProductCaller<T> {
  get(productId: string): Promise<T>;
  /** The answer's id, which each call is checked by. */
  idOf(answer: T): string;
  /** Does what is done to warm up, if that is more than to make the calls. */
  warmUp?<R>(work: () => Promise<R>): Promise<R>;
  /** The answer encoded again, which the first call is checked by. */
  encode(answer: T): Uint8Array;
}

/** Where the server is, and the token that it wants to see; an empty one where it wants none. */
export function readArguments(): { readonly target: string; readonly token: string } {
  const [port = "", token = ""] = process.argv.slice(2);
  return { target: `127.0.0.1:${port}`, token };
}

/** Makes the calls that the parent asks for. */
export function answerParent<T>(caller: ProductCaller<T>): void {
  process.on("message", (message) => {
    void run(caller, clientJob.parse(message)).then((result) => process.send?.(result));
  });
  process.on("disconnect", () => {
    process.exit();
  });
  process.send?.({ port: 0 });
}

async function run<T>(
  caller: ProductCaller<T>,
  { inFlight, forMs, isWarmUp = false }: ClientJob,
): Promise<ClientResult> {
  const first = caller.encode(await caller.get(product.id));
  if (!Buffer.from(first).equals(Product.encode(product).finish())) {
    throw new Error("the answer is not the product that was asked for");
  }
  const cpu = process.cpuUsage();
  const start = performance.now();
  let calls = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() - start < forMs) {
      const answer = await caller.get(product.id);
      if (caller.idOf(answer) !== product.id) throw new Error("another product was answered");
      calls += 1;
    }
  };
  const work = (): Promise<unknown> => Promise.all(Array.from({ length: inFlight }, worker));
  await (isWarmUp && caller.warmUp !== undefined ? caller.warmUp(work) : work());
  const { user, system } = process.cpuUsage(cpu);
  return {
    calls,
    seconds: (performance.now() - start) / 1_000,
    cpuMicroseconds: user + system,
  };
}
