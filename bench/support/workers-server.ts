/** GetProduct, answered by `WORKERS` processes on the port `GRPC_PORT`: for workers.ts. */
import cluster from "node:cluster";
import { ProductServiceDefinition } from "@org/contracts/product/v1";
import {
  implement,
  portVariable,
  readServerConfig,
  runService,
  serve,
  serverEnvironment,
} from "@org/kit";
import { z } from "zod";
import { findProduct } from "./work.ts";

const { fullName, methods } = ProductServiceDefinition;
const products = implement(
  { fullName, methods: { getProduct: methods.getProduct } },
  { getProduct: ({ productId }) => findProduct(productId) },
);

const schema = z.object({ ...serverEnvironment, GRPC_PORT: portVariable(0) });
const [WORKERS, GRPC_PORT] = process.argv.slice(2);

await runService({
  name: "bench",
  readConfig: () => readServerConfig(schema, { WORKERS, GRPC_PORT, LOG_LEVEL: "warn" }),
  start: (config) => serve({ config, services: [products] }),
});

if (cluster.isPrimary) {
  process.once("disconnect", () => {
    process.exit();
  });
  process.send?.({ port: Number(GRPC_PORT) });
}
