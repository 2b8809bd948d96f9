/** Are the tarballs in order that other teams install our packages from? */
import { globSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import client from "../packages/client/package.json" with { type: "json" };
import contracts from "../packages/contracts/package.json" with { type: "json" };
import kit from "../packages/kit/package.json" with { type: "json" };
import plugin from "../packages/protoc-gen-contract/package.json" with { type: "json" };
import { pack, published, tarballOf } from "../scripts/pack.ts";
import { mustRunTool, root, runTool } from "./support/run-tool.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const manifests = { contracts, kit, client, "protoc-gen-contract": plugin } as const;

/** What code can import from each package, and how attw is to judge it. */
const types = {
  contracts: {
    // One by one, since attw does not follow patterns.
    entrypoints: [...generatedEntrypoints(), "descriptor", "package.json"],
    // Each way there is to resolve a module: from CommonJS, and where `exports` means nothing, too.
    profile: "strict",
  },
  kit: {
    entrypoints: [".", "client", "health", "reflection", "package.json"],
    profile: "esm-only",
  },
  client: { entrypoints: [".", "package.json"], profile: "esm-only" },
  "protoc-gen-contract": {
    entrypoints: ["contract-element", "policy", "validate-proto", "package.json"],
    profile: "esm-only",
  },
} as const;

const folder = await temporaryFolder();
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});
beforeAll(pack, 120_000);

describe.each(published)("@org/%s", (name) => {
  const tarball = tarballOf(name);
  const unpacked = join(folder.path, name);
  let files: readonly string[] = [];

  beforeAll(async () => {
    await mkdir(unpacked);
    await mustRunTool("tar", ["-xzf", tarball, "-C", unpacked, "--strip-components=1"]);
    files = globSync("**/*", { cwd: unpacked, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name: file }) => relative(unpacked, join(parentPath, file)));
  });

  test("has a manifest without faults", async () => {
    const { code, stdout, stderr } = await runTool("publint", ["run", "--strict", tarball]);
    expect(stdout + stderr).toContain("All good!");
    expect(code).toBe(0);
  });

  test("has types that fit the code, whichever way they are resolved", async () => {
    const { entrypoints, profile } = types[name];
    const args = [tarball, "--profile", profile, "--entrypoints", ...entrypoints];
    const { code, stdout } = await runTool("attw", args);
    // The whole output, for whoever has to find out what is wrong.
    expect({ code, stdout }).toEqual({ code: 0, stdout });
    for (const entrypoint of entrypoints) {
      expect(stdout).toContain(`"${join("@org", name, entrypoint)}"`);
    }
  });

  test("can be imported by the same names as in this repository", async () => {
    const packed: unknown = JSON.parse(await readFile(join(unpacked, "package.json"), "utf8"));
    const names = Object.keys(manifests[name].exports);
    expect(packed).toMatchObject({
      exports: Object.fromEntries(names.map((each) => [each, expect.anything()])),
    });
  });

  test("depends on versions that a registry knows", async () => {
    const text = await readFile(join(unpacked, "package.json"), "utf8");
    expect(text).not.toMatch(/workspace:|catalog:|publishConfig/);
  });

  test("contains what runs and what describes it, and nothing else", () => {
    const expected =
      /^(?:package\.json|README\.md|LICENSE|dist\/.+\.(?:js|d\.ts)|dist\/(?:cjs|esm)\/package\.json|(?:dist\/)?proto\/.+\.proto|dist\/reference\/.+\.md|src\/runtime\/[\w-]+\.ts|dist\/image\.binpb)$/;
    expect(files.filter((file) => !expected.test(file))).toEqual([]);
    expect(files).toEqual(expect.arrayContaining(["package.json", "README.md", "LICENSE"]));
    expect(files.filter((file) => file.includes("test"))).toEqual([]);
  });

  test("names no source map, since none is in it", async () => {
    const scripts = files.filter((file) => file.endsWith(".js"));
    const texts = await Promise.all(scripts.map((file) => readFile(join(unpacked, file), "utf8")));
    expect(texts.length).toBeGreaterThan(0);
    expect(texts.filter((text) => text.includes("sourceMappingURL"))).toEqual([]);
  });
});

/** What there is to import for each .proto package: `product/v1` and `product/v1/schemas`, `google/rpc`. */
function generatedEntrypoints(): string[] {
  const gen = join(root, "packages/contracts/src/gen");
  return globSync("index.{org.*.v1,org.*.v1.schemas,google.[a-z]*([a-z])}.ts", { cwd: gen }).map(
    (file) =>
      file
        .slice("index.".length, -".ts".length)
        .replace(/^org\./, "")
        .replaceAll(".", "/"),
  );
}
