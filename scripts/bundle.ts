/**
 * Bundles a service into files that need nothing but Node:
 *
 *     node ../../scripts/bundle.ts src/main.ts dist/main.js
 *
 * The output's folder is emptied first. What the service imports only when it needs it, such as the
 * embedded database, gets files of its own, which are not loaded before.
 */
import { copyFile, mkdir, readFile, rm } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { build, type Plugin } from "esbuild";

const [entryArgument, outfileArgument] = process.argv.slice(2);
if (entryArgument === undefined || outfileArgument === undefined) {
  throw new Error("usage: node scripts/bundle.ts <entry> <outfile>");
}
await bundle(entryArgument, resolve(outfileArgument));

/** Bundles `entry` and all that it imports into the folder of `outfile`. */
async function bundle(entry: string, outfile: string): Promise<void> {
  const outdir = dirname(outfile);
  if (/^(?:\.\.|$)/.test(relative(process.cwd(), outdir))) {
    throw new Error(`${outdir} would be emptied, and is not below the working folder`);
  }
  await rm(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    entryPoints: { [basename(outfile, ".js")]: entry },
    outdir,
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node22",
    sourcemap: true,
    // Errors and log lines name classes and functions.
    keepNames: true,
    // grpc-js, pg, pino and others are CommonJS, and use what an ES module has not.
    banner: {
      js: [
        'import { createRequire as __createRequire } from "node:module";',
        "const require = __createRequire(import.meta.url);",
        "const __dirname = import.meta.dirname;",
      ].join("\n"),
    },
    // pg loads it only where somebody asks for it, and nobody does.
    external: ["pg-native"],
    plugins: [healthProto(outdir)],
    metafile: true,
    logLevel: "warning",
  });
  const modules = Object.keys(metafile.inputs).filter((file) => file.includes("node_modules"));
  await Promise.all(modules.map((module) => copyAssets(module, outdir)));
}

/** Copies the files that a module looks for beside itself, as PGlite does for its WebAssembly. */
async function copyAssets(module: string, outdir: string): Promise<void> {
  const source = await readFile(module, "utf8");
  const found = source.matchAll(
    /new URL\("(?:\.\/)?([\w-]+\.(?:wasm|data))", ?import\.meta\.url\)/g,
  );
  const names = new Set(Array.from(found, ([, name = ""]) => name));
  await Promise.all(
    Array.from(names, (name) => copyFile(join(dirname(module), name), join(outdir, name))),
  );
}

/**
 * grpc-health-check reads its .proto file when it is imported, from its own package: here, the file
 * is put into the bundle's folder and read from there.
 */
function healthProto(outdir: string): Plugin {
  const proto = "proto/health/v1/health.proto";
  return {
    name: "health-proto",
    setup(building) {
      const filter = /grpc-health-check[\\/]build[\\/]src[\\/]health\.js$/;
      building.onLoad({ filter }, async ({ path }) => {
        const source = await readFile(path, "utf8");
        const contents = source.replace("${__dirname}/../../proto", "${__dirname}/proto");
        if (contents === source) {
          throw new Error(`${path} finds its .proto file in another way now`);
        }
        await mkdir(dirname(join(outdir, proto)), { recursive: true });
        await copyFile(join(dirname(path), "../..", proto), join(outdir, proto));
        return { contents };
      });
    },
  };
}
