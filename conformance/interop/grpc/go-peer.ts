import { join } from "node:path";
import { cachedFolder, type Found, outputOf, type Peer } from "./peer.ts";

const source = join(import.meta.dirname, "go");

/** The interop client and server of grpc-go. */
export interface GoPeer extends Peer {
  /** The file that holds the contract of both, an encoded google.protobuf.FileDescriptorSet. */
  readonly contract: string;
}

/** Builds the client and the server that go/go.mod pins. */
export async function goPeer(): Promise<Found<GoPeer>> {
  // In that folder, Go takes the toolchain that go.mod asks for.
  const version = await outputOf("go", ["version"], { cwd: source });
  if ("missing" in version) return version;
  const files = ["go.mod", "go.sum", "write-contract.go"].map((name) => join(source, name));
  const built = await cachedFolder(files, [version.found], async (folder) => {
    const packages = ["client", "server"].map((name) => `google.golang.org/grpc/interop/${name}`);
    // Without cgo, it needs no C compiler.
    const options = { cwd: source, env: { CGO_ENABLED: "0" } };
    const build = await outputOf("go", ["build", "-o", `${folder}/`, ".", ...packages], options);
    if ("missing" in build) return build;
    return outputOf(join(folder, "write-contract"), [join(folder, "contract.binpb")]);
  });
  if ("missing" in built) return built;
  return {
    found: {
      client: [join(built.found, "client")],
      server: [join(built.found, "server")],
      contract: join(built.found, "contract.binpb"),
    },
  };
}
