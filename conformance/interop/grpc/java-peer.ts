import { join } from "node:path";
import { cachedFolder, type Found, outputOf, type Peer } from "./peer.ts";

const pom = join(import.meta.dirname, "java/pom.xml");

/** The interop client and server of grpc-java, at the version that java/pom.xml pins. */
export async function javaPeer(): Promise<Found<Peer>> {
  const version = await outputOf("java", ["--version"]);
  if ("missing" in version) return version;
  const jars = await cachedFolder([pom], [], (folder) =>
    outputOf("mvn", [
      ...["--quiet", "--batch-mode", "--file", pom],
      ...["dependency:copy-dependencies", `-DoutputDirectory=${folder}`, "-DincludeScope=runtime"],
    ]),
  );
  if ("missing" in jars) return jars;
  // Each is there for a second: it is not worth a compiler's while.
  const java = ["java", "-XX:TieredStopAtLevel=1", "-cp", join(jars.found, "*")];
  return {
    found: {
      client: [...java, "io.grpc.testing.integration.TestServiceClient"],
      server: [...java, "io.grpc.testing.integration.TestServiceServer"],
    },
  };
}
