import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ServerTls } from "@org/kit";
import type { ClientTls } from "@org/kit/client";
import { report } from "../../support/figures.ts";
import { describedCases, leftOutOfOurServer, runCase } from "./cases.ts";
import type { Clients } from "./client-cases.ts";
import { openClients, type OurServer, startOurServer } from "./our-peers.ts";
import type { Found, Peer } from "./peer.ts";
import { type PeerServer, startPeerServer } from "./peer-server.ts";
import type { TestingContract } from "./testing-contract.ts";

/** How the two sides connect: what each of them is told. */
export interface Transport {
  readonly title: string;
  /** The cases that are not run over it; none by default. */
  readonly without?: readonly string[];
  readonly peerClient?: readonly string[];
  readonly ourServer?: ServerTls;
  readonly peerServer?: readonly string[];
  readonly ourClient?: ClientTls;
}

/** Whom we get along with, and over what. */
export interface Setting {
  /** The peer's name: `grpc-go`. */
  readonly name: string;
  readonly peer: Peer;
  readonly contract: TestingContract;
  readonly transports: readonly Transport[];
}

/**
 * What was found. A laptop may do without it: undefined, and a test to do shows that some were skipped. What CI has
 * to run may not: there, this throws.
 */
export function foundOrSkip<T>(what: string, result: Found<T>): T | undefined {
  if ("found" in result) return result.found;
  const message = `no ${what} to run the interop tests with: ${result.missing}`;
  if (process.env["CI"] === "true") throw new Error(message);
  console.warn(message);
  test.todo(`with ${what}`);
  return undefined;
}

/** Tests our server with a peer's client: each of the cases over each transport, in a process of its own. */
export function testOurServer(
  { name, peer, contract, transports }: Setting,
  cases: readonly string[],
): void {
  test(`${name}'s client runs each case that is described, but those that are left out for a reason`, () => {
    const accounted = [...cases, ...Object.keys(leftOutOfOurServer)];
    expect(describedCases.filter((each) => !accounted.includes(each))).toEqual([]);
  });

  describe.each(transports)(`${name}'s client with our server $title`, (transport) => {
    const { title, without = [], peerClient = [], ourServer } = transport;
    const run = cases.filter((each) => !without.includes(each));
    let server: OurServer;
    let passed = 0;
    beforeAll(async () => {
      server = await startOurServer(contract, ourServer);
    });
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
      report({
        what: `gRPC's interop tests: ${name}'s client, our server, ${title}`,
        must: "every applicable case passes",
        measured: `${passed} of ${run.length} passed`,
      });
    });

    test.each(run)("%s", async (each) => {
      await runCase(peer, each, server.port, peerClient);
      expect(server.errors).toEqual([]);
      passed += 1;
    });
  });
}

/** Tests our client with a peer's server: each of the cases over each transport, on a channel of its own. */
export function testOurClient(
  { name, peer, contract, transports }: Setting,
  cases: Readonly<Record<string, (clients: Clients) => Promise<void>>>,
): void {
  describe.each(transports)(`our client with ${name}'s server $title`, (transport) => {
    const { title, without = [], peerServer = [], ourClient } = transport;
    const run = Object.entries(cases).filter(([each]) => !without.includes(each));
    let server: PeerServer;
    let passed = 0;
    beforeAll(async () => {
      server = await startPeerServer(peer, peerServer);
    });
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
      report({
        what: `gRPC's interop tests: our client, ${name}'s server, ${title}`,
        must: "every applicable case passes",
        measured: `${passed} of ${run.length} passed`,
      });
    });

    test.each(run)("%s", async (_, clientCase) => {
      using clients = openClients(contract, server.port, { tls: ourClient });
      await expect(clientCase(clients)).resolves.toBeUndefined();
      passed += 1;
    });
  });
}
