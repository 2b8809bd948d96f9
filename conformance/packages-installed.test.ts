/** Do the installed packages work in every kind of project, and do their READMEs tell the truth? */
import { mkdir, readFile, realpath, symlink } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { preparedDataDir } from "@org/database/testing";
import type { RunningServer } from "@org/kit";
import * as productService from "@org/product-service";
import * as userService from "@org/user-service";
import { z } from "zod";
import { pack, published, tarballOf } from "../scripts/pack.ts";
import { type ReadmeFile, readmeFiles, writeFiles } from "./support/readme-files.ts";
import { mustRunTool, root, runTool } from "./support/run-tool.ts";
import { startService } from "./support/service-process.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const environment = {
  DATA_DIR: await preparedDataDir("product-service", "user-service"),
  GRPC_PORT: "0",
  LOG_LEVEL: "silent",
};
/** As strict as can be, the packages' own types included. */
const compilerOptions = {
  target: "es2024",
  lib: ["es2024"],
  module: "nodenext",
  types: ["node"],
  noEmit: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  allowImportingTsExtensions: true,
  erasableSyntaxOnly: true,
  verbatimModuleSyntax: true,
  skipLibCheck: false,
};

const folder = await temporaryFolder();

const withPeers = z.object({ peerDependencies: z.record(z.string(), z.string()) });

/** A project of its own, away from the repository. */
const project = folder.path;

let products: RunningServer;
let users: RunningServer;

beforeAll(async () => {
  [, products, users] = await Promise.all([
    install(),
    productService.startApp(productService.readConfig(environment), { signals: false }),
    userService.startApp(userService.readConfig(environment), { signals: false }),
  ]);
}, 180_000);

afterAll(async () => {
  await Promise.all([products.close(), users.close()]);
  await folder[Symbol.asyncDispose]();
});

async function install(): Promise<void> {
  await pack();
  await writeFiles(project, [
    { path: "package.json", text: JSON.stringify({ private: true, type: "module" }) },
    { path: "tsconfig.json", text: JSON.stringify({ compilerOptions, include: ["src"] }) },
  ]);
  const flags = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  const wanted = [...published.map(tarballOf), "@types/node@24"];
  await mustRunTool("npm", ["install", ...flags, ...wanted], { cwd: project });
}

/** Runs a file of the project's, and returns what it prints. */
function run(file: string): Promise<string> {
  return mustRunTool(process.execPath, [file], { cwd: project });
}

describe("@org/contracts without TypeScript", () => {
  /** Encodes and decodes, and prints both. */
  const body = `
const bytes = Product.encode(Product.fromPartial({ id: "p001", unitPrice: { units: 5n } })).finish();
console.log(Buffer.from(bytes).toString("hex"), Product.decode(bytes).unitPrice.units);
console.log(descriptorSet.length > 1000, Money.fromPartial({}).nanos);
`;
  const printed = "0a047030303132021005 5n\ntrue 0\n";

  test.each([
    {
      path: "consumer/required.cjs",
      text: `const { Product } = require("@org/contracts/product/v1");
const { Money } = require("@org/contracts/google/type");
const { descriptorSet } = require("@org/contracts/descriptor");
${body}`,
    },
    {
      path: "consumer/imported.mjs",
      text: `import { Product } from "@org/contracts/product/v1";
import { Money } from "@org/contracts/google/type";
import { descriptorSet } from "@org/contracts/descriptor";
${body}`,
    },
  ])("runs as $path", async (file) => {
    await writeFiles(project, [file]);
    expect(await run(file.path)).toBe(printed);
  });

  test("gives tools the image with the contract's comments", async () => {
    const script = `const image = require.resolve("@org/contracts/image.binpb");
console.log(require("node:fs").readFileSync(image).includes("never changed"));`;
    await writeFiles(project, [{ path: "consumer/image.cjs", text: script }]);
    expect(await run("consumer/image.cjs")).toBe("true\n");
  });
});

test("@org/kit and @org/client can be required from CommonJS", async () => {
  const script = `const { connect } = require("@org/client");
const { createClient } = require("@org/kit/client");
const { serve } = require("@org/kit");
console.log(typeof connect, typeof createClient, typeof serve);`;
  await writeFiles(project, [{ path: "consumer/kit.cjs", text: script }]);
  expect(await run("consumer/kit.cjs")).toBe("function function function\n");
});

describe("@org/kit/tracing", () => {
  const file = {
    path: "consumer/traced.mts",
    text: `import { trace } from "@opentelemetry/api";
import { startTracing } from "@org/kit/tracing";
const tracing = startTracing({ OTEL_TRACES_EXPORTER: "console" }, { name: "shop" });
trace.getTracer("shop").startSpan("work").end();
await tracing.close();
`,
  };

  test("needs what those install who want it", async () => {
    await writeFiles(project, [file]);
    const without = await runTool(process.execPath, [file.path], { cwd: project });
    expect(without.stderr).toMatch(/Cannot find package '@opentelemetry\//);
    const manifest = await readFile(join(project, "node_modules/@org/kit/package.json"), "utf8");
    const { peerDependencies } = withPeers.parse(JSON.parse(manifest));
    const wanted = Object.entries(peerDependencies).map(([name, range]) => `${name}@${range}`);
    const flags = ["--no-save", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
    await mustRunTool("npm", ["install", ...flags, ...wanted], { cwd: project });
    expect(await run(file.path)).toMatch(/name: 'work'/);
    const options = ["--noEmit", "--strict", "--target", "es2024", "--module", "nodenext"];
    const args = ["--ignoreConfig", ...options, "--types", "node", file.path];
    expect(await runTool("tsc", args, { cwd: project })).toMatchObject({ code: 0, stdout: "" });
  });
});

describe("with TypeScript", () => {
  /** Compiles only where the types are there: were they any, nothing would be wrong here. */
  const body = `
export const product: Product = Product.fromPartial({ id: "p001", unitPrice: { units: 5n } });
export const units: bigint | undefined = product.unitPrice?.units;
// @ts-expect-error -- a product's id is a string
export const id: number = product.id;
// @ts-expect-error -- a product has no colour
Product.fromPartial({ colour: "red" });
`;
  const header = `import { Product } from "@org/contracts/product/v1";`;
  const kit = `import { connect } from "@org/client";
// @ts-expect-error -- a request's id is a string
export const answer = connect().products.getProduct({ productId: 1 });
`;
  const moduleFile = { path: "consumer/module.mts", text: `${header}${body}${kit}` };
  const commonJsFile = { path: "consumer/common.cts", text: `${header}${body}` };

  test.each([
    { name: "node16", options: ["--module", "node16"] },
    { name: "nodenext", options: ["--module", "nodenext"] },
    { name: "bundler", options: ["--module", "preserve", "--moduleResolution", "bundler"] },
  ])("compiles with the resolution of $name", async ({ options }) => {
    const files = [moduleFile, commonJsFile];
    await writeFiles(project, files);
    const flags = ["--noEmit", "--strict", "--target", "es2022", "--types", "node"];
    const paths = files.map(({ path }) => path);
    const args = ["--ignoreConfig", ...flags, ...options, ...paths];
    expect(await runTool("tsc", args, { cwd: project })).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
  });
});

/** A contract without policies, as ts-proto alone generates it. */
const greeterTemplate = JSON.stringify({
  version: "v2",
  clean: true,
  inputs: [{ directory: "proto" }],
  plugins: [
    {
      local: "protoc-gen-ts_proto",
      out: "src/gen",
      opt: [
        ...["env=node", "esModuleInterop=true", "forceLong=bigint", "oneof=unions-value"],
        ...["useOptionals=none", "outputServices=generic-definitions", "importSuffix=.ts"],
      ],
    },
  ],
});

describe("what the READMEs show", () => {
  let files: ReadonlyMap<string, string>;

  beforeAll(async () => {
    const readmes = ["contracts", "kit", "client"].map((name) =>
      readmeFiles(join(project, "node_modules/@org", name, "README.md")),
    );
    const shown = (await Promise.all(readmes)).flat().map(toSpareAddresses);
    files = new Map(shown.map(({ path, text }) => [path, text]));
    await writeFiles(
      project,
      shown.filter(({ path }) => path !== "buf.gen.yaml"),
    );
    await writeFiles(project, [{ path: "buf.gen.greeter.yaml", text: greeterTemplate }]);
    const args = ["generate", "--template", "buf.gen.greeter.yaml"];
    await mustRunTool("buf", args, { cwd: project });
  });

  /** README examples name the usual ports; here, the services have others. */
  function toSpareAddresses({ path, text }: ReadmeFile): ReadmeFile {
    const moved = text
      .replaceAll("dns:///product-service:50051", products.target)
      .replaceAll("dns:///user-service:50052", users.target)
      .replaceAll("port: 50054", "port: 0");
    return { path, text: moved };
  }

  test("compiles", async () => {
    expect([...files.keys()]).toEqual(
      expect.arrayContaining(["src/contracts.ts", "src/greeter-server.ts", "src/client.ts"]),
    );
    expect(await runTool("tsc", [], { cwd: project })).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("@org/contracts: encodes and decodes", async () => {
    expect(await run("src/contracts.ts")).toMatch(/^19n .*getProduct/s);
  });

  test("@org/contracts: generates grpc-js's own stubs from the image", async () => {
    const template = files.get("buf.gen.yaml") ?? "";
    const image = "node_modules/@org/contracts/dist/image.binpb";
    const args = ["generate", image, "--template", template, "--output", "stubs"];
    await mustRunTool("buf", args, { cwd: project });
    const file = join(project, "stubs/src/gen/org/product/v1/product_service.ts");
    const stub = await readFile(file, "utf8");
    expect(stub).toContain("export const ProductServiceClient = makeGenericClientConstructor(");
    expect(stub).toContain("never changed");
  });

  test("@org/kit: serves, and calls", async () => {
    const entry = join(project, "src/greeter-server.ts");
    await using server = await startService({ name: "greeter", dataDir: "memory://", entry });
    const client = (files.get("src/greeter-client.ts") ?? "").replace(
      "127.0.0.1:50054",
      server.target,
    );
    await writeFiles(project, [{ path: "src/greeter-client.ts", text: client }]);
    expect(await run("src/greeter-client.ts")).toBe("Hello, Ada!\n");
  });

  test("@org/client: calls both services", async () => {
    const printed = await run("src/client.ts");
    expect(printed).toMatch(/^1n true\n2n false$/m);
    expect(printed).toMatch(/^3 undefined \[/m);
  });
});

describe("what the README of @org/protoc-gen-contract shows", () => {
  /** In the project a folder of its own, as it has a contract of its own. */
  const shop = join(project, "shop");
  /** The installed plugin, before the repository's own. */
  const bins = [project, root].map((each) => join(each, "node_modules/.bin"));
  const env = { PATH: [...bins, process.env["PATH"] ?? ""].join(delimiter) };
  let readme: string;
  let files: ReadonlyMap<string, string>;

  beforeAll(async () => {
    const file = join(project, "node_modules/@org/protoc-gen-contract/README.md");
    readme = await readFile(file, "utf8");
    const shown = await readmeFiles(file);
    files = new Map(shown.map((each) => [each.path, each.text]));
    const tsconfig = JSON.stringify({ extends: "../tsconfig.json", include: ["src"] });
    await writeFiles(shop, [...shown, { path: "tsconfig.json", text: tsconfig }]);
    await mkdir(join(shop, "node_modules"));
    await symlink(
      await realpath(join(root, "node_modules/google-proto-files")),
      join(shop, "node_modules/google-proto-files"),
    );
    await mustRunTool("npx", ["protoc-gen-contract", "protos", ".protos"], { cwd: shop });
    await mustRunTool("buf", ["generate"], { cwd: shop, env });
  });

  test("compiles", async () => {
    expect(await runTool("tsc", [], { cwd: shop })).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("prints what it says", async () => {
    const printed = await mustRunTool(process.execPath, ["src/shop.ts"], { cwd: shop });
    const comments = (files.get("src/shop.ts") ?? "").matchAll(/\/\/ (.*)\n/g);
    expect(printed).toBe(Array.from(comments, ([, comment = ""]) => `${comment}\n`).join(""));
    expect(printed.split("\n").length).toBeGreaterThan(4);
  });

  test("writes the reference", async () => {
    const page = join(shop, "docs/reference/shop.v1.ShopService.md");
    expect(await readFile(page, "utf8")).toContain("| `SOLD_OUT` | FAILED_PRECONDITION |");
  });

  test("stops the build where a method has no scopes", async () => {
    const contract = "proto/shop/v1/shop_service.proto";
    const without = (files.get(contract) ?? "").replace(/^ *scopes: .*\n/m, "");
    expect(without).not.toBe(files.get(contract));
    await writeFiles(shop, [{ path: contract, text: without }]);
    const { code, stderr } = await runTool("buf", ["generate"], { cwd: shop, env });
    const [, line = "no such line"] = /^```text\n(.*)…$/m.exec(readme) ?? [];
    expect(stderr).toContain(line);
    expect(code).not.toBe(0);
  });
});

test("@org/client brings the command line", async () => {
  const targets = ["--products", products.target, "--users", users.target];
  const args = ["org-client", ...targets, "health"];
  const printed = await mustRunTool("npx", args, { cwd: project });
  expect(printed).toContain("SERVING");
});
