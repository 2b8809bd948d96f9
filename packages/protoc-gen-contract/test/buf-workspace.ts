import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Finished, mustRun, root, run } from "../../../scripts/run.ts";
import { printValidateProto } from "../src/print-validate-proto.ts";

const googleProtos = [
  "google/rpc/code.proto",
  "google/api/annotations.proto",
  "google/api/http.proto",
];

/** What is generated in a workspace: with ts-proto's part, or without. */
export interface Template {
  readonly tsProto: boolean;
}

/** A folder with contracts as another team has them, that buf generates from. */
export class BufWorkspace implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes a workspace with the .proto files that contracts import. */
  static async create(): Promise<BufWorkspace> {
    const workspace = new BufWorkspace(await mkdtemp(join(tmpdir(), "contract-")));
    const options = "org/contract/v1/options.proto";
    await workspace.write({
      "package.json": JSON.stringify({ private: true, type: "module" }),
      "buf.yaml": "version: v2\nmodules: [{path: proto}, {path: .protos}]\n",
      ".protos/buf/validate/validate.proto": printValidateProto(),
      [`.protos/${options}`]: await readFile(join(root, "proto", options), "utf8"),
    });
    await Promise.all([
      symlink(join(root, "node_modules"), join(workspace.path, "node_modules")),
      ...googleProtos.map((file) =>
        cp(
          join(root, "node_modules/google-proto-files", file),
          join(workspace.path, ".protos", file),
        ),
      ),
    ]);
    return workspace;
  }

  /** Puts files into the workspace. */
  async write(files: Readonly<Record<string, string>>): Promise<void> {
    await Promise.all(
      Object.entries(files).map(async ([path, text]) => {
        const file = join(this.path, path);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, text);
      }),
    );
  }

  /** Runs a program in the workspace. */
  run(command: string, ...args: readonly string[]): Promise<Finished> {
    return run(command, args, { cwd: this.path });
  }

  /** Runs `buf generate`, into a folder of the workspace. */
  generate(out: string, { tsProto }: Template): Promise<Finished> {
    const shared = { out, include_imports: true, strategy: "all" };
    const contract = ["node", join(root, "packages/protoc-gen-contract/src/main.ts")];
    const template = {
      version: "v2",
      inputs: [{ directory: "proto" }],
      plugins: [
        ...(tsProto
          ? [
              {
                ...shared,
                local: "protoc-gen-ts_proto",
                exclude_types: ["org.contract.v1", "buf.validate"],
                opt: tsProtoOptions,
              },
            ]
          : []),
        { ...shared, local: contract, opt: "import_suffix=.ts" },
        { local: contract, out: `${out}/reference`, strategy: "all", opt: "target=markdown" },
      ],
    };
    return this.run("buf", "generate", "--template", JSON.stringify(template));
  }

  /** Like {@link run}, for a program that has to succeed; gives what it prints. */
  mustRun(command: string, ...args: readonly string[]): Promise<string> {
    return mustRun(command, args, { cwd: this.path });
  }

  /** Like {@link generate}, for contracts that have to generate. */
  async mustGenerate(out: string, template: Template): Promise<void> {
    const { code, stderr } = await this.generate(out, template);
    if (code !== 0) throw new Error(stderr);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

/** As the README has them. */
const tsProtoOptions = [
  "env=node",
  "esModuleInterop=true",
  "forceLong=bigint",
  "oneof=unions-value",
  "useOptionals=none",
  "useExactTypes=true",
  "unrecognizedEnum=true",
  "enumsAsLiterals=true",
  "outputServices=generic-definitions",
  "exportCommonSymbols=false",
  "useDate=false",
  "importSuffix=.ts",
];
