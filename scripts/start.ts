/**
 * What `npm start` runs: both services in one process, on embedded databases in `.data`, and the
 * client's tour against them over real sockets. Goes on serving until Ctrl-C.
 *
 * `npm start -- --product-port 0 --user-port 0` takes ports that are free; `--data-dir` another folder.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { generateOrExit } from "./generate.ts";
import { root, run } from "./run.ts";

await generateOrExit();
// Imported only now: they are made of what was generated.
const { createLogger, runMain, serveMetrics } = await import("@org/kit");
const { startTracing } = await import("@org/kit/tracing");
const { DataDirInUseError } = await import("@org/database");
const products = await import("@org/product-service");
const users = await import("@org/user-service");

await runMain(start, { operatorErrors: [DataDirInUseError] });

async function start(): Promise<void> {
  const { values } = parseArgs({
    options: {
      "product-port": { type: "string", default: "50051" },
      "user-port": { type: "string", default: "50052" },
      "data-dir": { type: "string", default: join(root, ".data") },
    },
  });
  // Both services are in this process, whatever WORKERS says.
  const fixed = { DATA_DIR: values["data-dir"], WORKERS: "1" };
  const environment = { LOG_LEVEL: "warn", ...process.env, ...fixed };
  console.log(
    "Starting both services; the first time, their databases are made (some seconds) ...",
  );
  const config = products.readConfig({ ...environment, GRPC_PORT: values["product-port"] });
  const { METRICS_PORT: metricsPort, GRPC_HOST: host, LOG_LEVEL: level } = config;
  const logger = createLogger({ name: "services", level });
  const metrics =
    metricsPort === undefined ? undefined : await serveMetrics({ host, port: metricsPort, logger });
  await using starting = new AsyncDisposableStack();
  starting.defer(() => metrics?.close());
  const tracing = startTracing(config, { name: "services", logger });
  starting.defer(() => tracing.close());
  const productService = await products.startApp(config);
  starting.defer(() => productService.close());
  const userService = await users.startApp(
    users.readConfig({ ...environment, GRPC_PORT: values["user-port"] }),
  );
  starting.move();
  void Promise.allSettled([productService.closed, userService.closed]).then(() => {
    metrics?.close();
    void tracing.close();
  });

  // The tour's calls take what they need from the environment, as those of every client do.
  const lacking = [
    ...(isSet(environment, "AUTH_ISSUER") ? ["ACCESS_TOKEN"] : []),
    ...(isSet(environment, "TLS_CERT_FILE") ? ["TLS_CA_FILE"] : []),
  ].filter((name) => !isSet(environment, name));
  if (lacking.length > 0) {
    console.log(
      `Without ${lacking.join(" and ")}, no call would be answered: the tour is left out.`,
    );
  } else {
    await tour(productService.target, userService.target);
  }

  console.log(`
product-service is ready on ${productService.target}
user-service is ready on ${userService.target}${metrics === undefined ? "" : `\nTheir metrics are at http://127.0.0.1:${metrics.port}/metrics`}
Try \`pnpm client ${hint(environment, values)}product list Electronics\` in another terminal. Ctrl-C ends both.`);

  function hint(
    set: NodeJS.ProcessEnv,
    { "product-port": port }: { readonly "product-port": string },
  ): string {
    return [
      ...(port === "50051" ? [] : [`--products ${productService.target} `]),
      ...(isSet(set, "TLS_CERT_FILE") ? ["--ca-file <file> "] : []),
      ...(isSet(set, "TLS_CLIENT_CA_FILE") ? ["--cert-file <file> --key-file <file> "] : []),
      ...(isSet(set, "AUTH_ISSUER") ? ["--token-file <file> "] : []),
    ].join("");
  }
}

function isSet(environment: NodeJS.ProcessEnv, name: string): boolean {
  return (environment[name] ?? "") !== "";
}

async function tour(productTarget: string, userTarget: string): Promise<void> {
  const { code } = await run(
    process.execPath,
    [
      join(root, "packages/client/src/cli/main.ts"),
      ...["--products", productTarget, "--users", userTarget, "demo"],
    ],
    { inherit: true },
  );
  if (code !== 0) process.exitCode = 1;
}
