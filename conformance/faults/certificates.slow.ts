/** What do callers see while certificates are replaced, on both sides? */
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { type GetUserRequest, User, UserServiceDefinition } from "@org/contracts/user/v1";
import { createChannel, createClient } from "@org/kit/client";
import { type Authority, createAuthority, type IssueOptions } from "../../scripts/certificates.ts";
import { startCountingServer, userReading } from "../support/counting-server.ts";
import { report } from "../support/figures.ts";
import { failuresIn, startLoad, summaryOf } from "../support/steady-load.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const rotations = 5;

test("certificates of servers and clients are rotated under load", async () => {
  await using folder = await temporaryFolder();
  const authority = await createAuthority("test");
  const caFile = join(folder.path, "ca.pem");
  await writeFile(caFile, authority.certificatePem);
  const issue = (name: string, options: IssueOptions): Promise<Pair> =>
    issueInto(folder.path, authority, name, options);
  const server = await issue("server", { dnsNames: ["localhost"] });
  const client = await issue("client", { uris: ["spiffe://example.org/client-0"] });

  const callers = new Set<string | undefined>();
  const answer = (
    { userId }: GetUserRequest,
    call: { readonly clientIdentity: string | undefined },
  ): User => {
    callers.add(call.clientIdentity);
    return User.fromPartial({ id: userId });
  };
  const options = {
    tls: { ...server, clientCaFile: caFile },
    maxConnectionAgeMs: 1_000,
  };
  await using a = await startCountingServer(answer, options);
  await using b = await startCountingServer(answer, options);
  await using c = await startCountingServer(answer, options);
  const channel = createChannel({
    target: `ipv4:${[a, b, c].map((each) => each.server.target).join(",")}`,
    services: [UserServiceDefinition],
    tls: { ...client, caFile, serverName: "localhost" },
  });
  const users = createClient(userReading, { channel });
  const load = startLoad(400, () => users.getUser({ userId: "u" }));
  for (let rotation = 1; rotation <= rotations; rotation += 1) {
    await delay(3_000);
    await issue("server", { dnsNames: ["localhost"] });
    await issue("client", { uris: [`spiffe://example.org/client-${rotation}`] });
  }
  await delay(3_000);
  const outcomes = await load.stop();
  channel.close();
  const failed = failuresIn(outcomes);
  const renewed = [a, b, c].map(
    ({ log }) => log.filter((line) => line.includes("the files for TLS are in use")).length,
  );
  report({
    what: "certificates rotated on both sides under load",
    must: "0 failures",
    measured: `${failed.length} of ${outcomes.length} calls failed in ${rotations} rotations`,
  });
  expect(summaryOf(failed)).toEqual({});
  expect(renewed).toEqual([1, 1, 1].map((first) => first + rotations));
  expect([...callers]).toEqual(
    Array.from({ length: rotations + 1 }, (_, index) => `spiffe://example.org/client-${index}`),
  );
});

interface Pair {
  readonly certFile: string;
  readonly keyFile: string;
}

async function issueInto(
  folder: string,
  authority: Authority,
  name: string,
  options: IssueOptions,
): Promise<Pair> {
  const { certificatePem, privateKeyPem } = await authority.issue(options);
  const pair = { certFile: join(folder, `${name}.pem`), keyFile: join(folder, `${name}-key.pem`) };
  for (const [file, content] of [
    [pair.keyFile, privateKeyPem],
    [pair.certFile, certificatePem],
  ] as const) {
    await writeFile(`${file}~`, content);
    await rename(`${file}~`, file);
  }
  return pair;
}
