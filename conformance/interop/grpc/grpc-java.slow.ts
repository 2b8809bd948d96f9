/** Do we get along with the client and server that the gRPC project tests grpc-java with? */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { casesForOurServer } from "./cases.ts";
import { clientCases } from "./client-cases.ts";
import { compressionCases } from "./compression-cases.ts";
import { goPeer } from "./go-peer.ts";
import { javaPeer } from "./java-peer.ts";
import { openClients } from "./our-peers.ts";
import { type PeerServer, startPeerServer } from "./peer-server.ts";
import { foundOrSkip, testOurClient, testOurServer } from "./suites.ts";
import { testingContract } from "./testing-contract.ts";

const peer = foundOrSkip("Java and Maven", await javaPeer());
// For the contract: that of both is the same.
const go = foundOrSkip("Go", await goPeer());

if (peer !== undefined && go !== undefined) {
  const contract = await testingContract(go.contract);
  const plaintext = ["--use_tls=false"];
  const netty = { title: "in plaintext", peerClient: plaintext, peerServer: plaintext };
  // Another implementation of HTTP/2, which is for clients only.
  const okhttp = {
    title: "by OkHttp, in plaintext",
    peerClient: [...plaintext, "--use_okhttp=true"],
  };
  const setting = { name: "grpc-java", peer, contract, transports: [netty] };
  const cases = await casesForOurServer(peer);

  testOurServer({ ...setting, transports: [netty, okhttp] }, cases);
  testOurClient(setting, clientCases);

  describe("our client with grpc-java's server, compressed", () => {
    let server: PeerServer;
    beforeAll(async () => {
      server = await startPeerServer(peer, plaintext);
    });
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
    });

    test.each(Object.entries(compressionCases))("%s", async (_, run) => {
      const done = run((options) => openClients(contract, server.port, options));
      await expect(done).resolves.toBeUndefined();
    });
  });
}
