/** Our client, with the contract's deadlines and retries, traced where its environment asks for that. */
import { Product, ProductServiceDefinition } from "@org/contracts/product/v1";
import { context, propagation, ROOT_CONTEXT } from "@opentelemetry/api";
import { createLogger, runMain } from "@org/kit";
import { createChannel, createClient } from "@org/kit/client";
import { answerParent, readArguments } from "../support/client-process.ts";
import { traceCalls } from "../support/trace-calls.ts";
import { sampledTrace } from "../support/trace-sink.ts";

const { target, token } = readArguments();
const sampled = propagation.extract(ROOT_CONTEXT, { traceparent: sampledTrace });

await runMain(async () => {
  await traceCalls(createLogger({ name: "bench" }));
  const channel = createChannel({ target, services: [ProductServiceDefinition] });
  const products = createClient(ProductServiceDefinition, {
    channel,
    ...(token !== "" && { token }),
  });
  answerParent({
    // As what is done for one call in a hundred would be cold for ten seconds.
    warmUp: (work) => context.with(sampled, work),
    get: (productId) => products.getProduct({ productId }),
    idOf: ({ id }) => id,
    encode: (answer) => Product.encode(answer).finish(),
  });
});
