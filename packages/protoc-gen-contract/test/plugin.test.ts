/** Does what the plugin generates beside ts-proto's code compile and work, whatever names a contract has? */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { create, fromBinary } from "@bufbuild/protobuf";
import {
  type CodeGeneratorRequest,
  CodeGeneratorRequestSchema,
  type FileDescriptorProto,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { root } from "../../../scripts/run.ts";
import { generate } from "../src/plugin.ts";
import { BufWorkspace } from "./buf-workspace.ts";
import { oddContracts, properties, words } from "./odd-contracts.ts";
import { oddProgram } from "./odd-program.ts";

const tsconfig = {
  extends: join(root, "tsconfig.base.json"),
  // The libraries' own types are checked with the repository's sources.
  compilerOptions: { noEmit: true, skipLibCheck: true },
  include: ["src"],
};

let workspace: BufWorkspace;
let image: FileDescriptorSet;

beforeAll(async () => {
  workspace = await BufWorkspace.create();
  await workspace.write({
    ...oddContracts,
    "tsconfig.json": JSON.stringify(tsconfig),
    "src/program.ts": oddProgram,
  });
  await Promise.all([
    workspace.mustGenerate("src/gen", { tsProto: true }),
    workspace.mustRun("buf", "build", "proto", "--output", "image.binpb"),
  ]);
  image = fromBinary(FileDescriptorSetSchema, await readFile(join(workspace.path, "image.binpb")));
}, 60_000);

afterAll(() => workspace[Symbol.asyncDispose]());

test("compiles, as strictly as can be", async () => {
  expect(await workspace.run("tsc", "-p", ".")).toEqual({ code: 0, stdout: "", stderr: "" });
}, 60_000);

describe("works when it is run", () => {
  let printed: unknown;

  beforeAll(async () => {
    printed = JSON.parse(await workspace.mustRun("node", "src/program.ts"));
  });

  const propertyOf = (field: string): string => (field === "__proto__" ? "Proto" : field);

  test("with fields, lists, maps and oneofs that are named like words of JavaScript", () => {
    expect(printed).toMatchObject({
      words: words.map((word) => [word, propertyOf(word)]),
      lists: words.map((word) => [`${word}[1]`, `${propertyOf(word)}/1`]),
      maps: words.map((word) => [`${word}[""]`, `${propertyOf(word)}/`]),
      oneofs: words.map((word) => [word, propertyOf(word)]),
      members: words.map((word) => [[word, "one/value"]]),
    });
  });

  test("with names in any case", () => {
    expect(printed).toMatchObject({
      names: [...Object.entries(properties), ["two__of_", "twoOf"]],
      inOneof: [
        ["IN_ONE", "oneOf/value"],
        ["_u_", "twoOf/value"],
      ],
      snakeCase: ["ones[1].a string.min_len"],
    });
  });

  test("with messages that are named like globals, or like what they are imported beside", () => {
    expect(printed).toMatchObject({
      globals: ["a string.min_len", "b[1] int32.gt", "c double.lt", "d string.pattern"],
      helpers: ["x.x.x string.min_len"],
    });
  });

  test("with messages that contain themselves, across files and packages", () => {
    expect(printed).toMatchObject({
      deeper: ["deepest.back.text string.min_len", "deepest.kind enum.defined_only"],
      itself: [
        ["name", "name"],
        ["others[1].name", "others/1/name"],
        ['by_name["a b"].me.name', "byName/a b/self/value/name"],
        ["you.name", "self/value/name"],
      ],
      noPackage: ["in.out.a string.min_len"],
    });
  });

  test("with services of several files, and without methods", () => {
    expect(printed).toMatchObject({
      scopes: ["a", "b"],
      methods: [
        [
          "get checkThing",
          "other checkThing",
          "base checkThingServiceBase",
          "check checkMessageCheck",
        ],
        ["empty ", "get_known "],
        [],
        ["get checkNoPackage"],
      ],
    });
  });

  test("with protobuf's own messages", () => {
    expect(printed).toMatchObject({
      known: [
        'wrapped["a"] string.min_len',
        "masks[1] field_mask.in",
        "null enum.defined_only",
        "only_keys[1] int32.gt",
        "only_flags[false] bool.const",
        "only_values[5] string.min_len",
        "nothing bytes.const",
        "nothing bytes.in",
        "no_paths field_mask.const",
        "quotes string.not_in",
        "text string.min_len",
        "struct required",
      ],
      unset: ["struct required"],
      decoded: [["struct", "one/value"]],
    });
  });

  test("with proto2 and editions", () => {
    expect(printed).toMatchObject({
      two: ["numbers[1] int32.gt", "by_name map.min_pairs", "text string.min_len"],
      twoDecoded: [['by_name["a"].by_name', "byName/a/byName"]],
      explicit: [],
      implicit: ["numbers repeated.min_items", " message.oneof"],
      implicitSet: ["text string.min_len", " message.oneof"],
    });
  });
});

test("a reason's text stays in its row of the reference", async () => {
  const page = join(workspace.path, "src/gen/reference/known.v1.KnownService.md");
  expect(await readFile(page, "utf8")).toContain("\n| `A_B` | ABORTED | One \\| two. Three. |\n");
});

describe("as protoc calls it", () => {
  /** Asks for all files, in the order of the image unless they are turned around. */
  function request(parameter: string, turned = false): CodeGeneratorRequest {
    const protoFile = turned ? turnedAround(image.file) : image.file;
    const fileToGenerate = protoFile.map(({ name }) => name);
    return create(CodeGeneratorRequestSchema, { parameter, protoFile, fileToGenerate });
  }

  test.each(["target=ts", "target=markdown"])(
    "%s: what is generated depends neither on the run nor on the order of the files",
    (parameter) => {
      const { file: files, error } = generate(request(parameter));
      expect(error).toBe("");
      expect(files.length).toBeGreaterThan(5);
      expect(new Set(files.map(({ name }) => name)).size).toBe(files.length);
      expect(generate(request(parameter))).toEqual(generate(request(parameter)));
      expect(generate(request(parameter, true)).file).toEqual(files);
    },
  );

  test.each([
    ["", ".js"],
    ["import_suffix=.ts", ".ts"],
    ["target=ts,import_suffix=", ""],
  ])("with the options %j, imports end with %j", (parameter, suffix) => {
    const imports = generate(request(parameter)).file.flatMap(({ content }) =>
      Array.from(content.matchAll(/ from "(\.[^"]*)";/g), ([, path = ""]) => path),
    );
    expect(imports.length).toBeGreaterThan(50);
    for (const path of imports) expect(path.replace(/^.*\/[^/]*?(\.[jt]s)?$/, "$1")).toBe(suffix);
  });

  test.each(["target=go", "import_suffix=/../x", "importSuffix=.ts"])(
    "an option that is not known is named: %s",
    (parameter) => {
      expect(() => generate(request(parameter))).toThrow(`the option "${parameter}" is none of`);
    },
  );
});

test("two runs of buf write the same bytes", async () => {
  await workspace.mustGenerate("again", { tsProto: false });
  const again = await contents("again");
  const first = await contents("src/gen");
  expect(again.size).toBeGreaterThan(20);
  for (const [path, text] of again) expect([path, first.get(path)]).toEqual([path, text]);
});

/** The files from the last to the first, but for what they import, which protoc gives before them. */
function turnedAround(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  const turned = new Set<FileDescriptorProto>();
  const add = (file: FileDescriptorProto): void => {
    for (const each of files) if (file.dependency.includes(each.name)) add(each);
    turned.add(file);
  };
  for (const file of files.toReversed()) add(file);
  return [...turned];
}

async function contents(folder: string): Promise<ReadonlyMap<string, string>> {
  const all = await readdir(join(workspace.path, folder), { recursive: true, withFileTypes: true });
  const files = all
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  const start = join(workspace.path, folder).length;
  return new Map(files.map((file, index) => [file.slice(start), texts[index] ?? ""]));
}
