/**
 * Do we get along with the clients and servers that the gRPC project tests its own languages with?
 * Here with grpc-go's; `interop/grpc/grpc-java.slow.ts` is the same with grpc-java's.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { createAuthority } from "../scripts/certificates.ts";
import { casesForOurServer, describedCases, leftOutOfOurClient } from "./interop/grpc/cases.ts";
import { clientCases } from "./interop/grpc/client-cases.ts";
import { compressionCases } from "./interop/grpc/compression-cases.ts";
import { goPeer } from "./interop/grpc/go-peer.ts";
import {
  foundOrSkip,
  testOurClient,
  testOurServer,
  type Transport,
} from "./interop/grpc/suites.ts";
import { testingContract } from "./interop/grpc/testing-contract.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

// The first time, this downloads and builds: no test's time.
const peer = foundOrSkip("Go", await goPeer());
const folder = await temporaryFolder();

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

if (peer !== undefined) {
  const contract = await testingContract(peer.contract);
  // They take seconds and a gigabyte: grpc-java.slow.ts runs them.
  const without = ["rpc_soak", "concurrent_large_unary"];
  const transports: readonly Transport[] = [
    { title: "in plaintext", without },
    { ...(await overTls(folder.path)), without },
  ];
  const setting = { name: "grpc-go", peer, contract, transports };
  const cases = await casesForOurServer(peer);

  testOurServer(setting, cases);
  testOurClient(setting, clientCases);
}

test("our client runs each case that is described, but those that are left out for a reason", () => {
  const accounted = { ...clientCases, ...compressionCases, ...leftOutOfOurClient };
  expect(describedCases.filter((name) => !(name in accounted))).toEqual([]);
});

async function overTls(path: string): Promise<Transport> {
  const authority = await createAuthority("interop");
  const { certificatePem, privateKeyPem } = await authority.issue({ dnsNames: ["localhost"] });
  const caFile = join(path, "ca.pem");
  const certFile = join(path, "server.pem");
  const keyFile = join(path, "server-key.pem");
  await Promise.all([
    writeFile(caFile, authority.certificatePem),
    writeFile(certFile, certificatePem),
    writeFile(keyFile, privateKeyPem),
  ]);
  return {
    title: "over TLS",
    peerClient: [
      "--use_tls",
      "--use_test_ca",
      `--ca_file=${caFile}`,
      "--server_host_override=localhost",
    ],
    ourServer: { certFile, keyFile },
    peerServer: ["--use_tls", `--tls_cert_file=${certFile}`, `--tls_key_file=${keyFile}`],
    ourClient: { caFile, serverName: "localhost" },
  };
}
