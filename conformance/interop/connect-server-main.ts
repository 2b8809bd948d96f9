/**
 * A server under test: `node connect-server-main.ts <folder of the messages>`. It reads from its standard input what
 * kind of server is wanted, writes to its standard output where that is, and serves until SIGTERM.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLogger, runMain, serve, type ServerTls } from "@org/kit";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { loadMessages, type ServerCompatRequest } from "./connect-messages.ts";
import { conformanceService } from "./connect-service.ts";
import { delimited, readDelimited } from "./size-delimited.ts";

await runMain(async () => {
  const messages = await loadMessages(process.argv[2] ?? "");
  const { value: encoded } = await readDelimited(process.stdin).next();
  if (encoded === undefined) throw new Error("the input is empty");
  const request = messages.ServerCompatRequest.decode(encoded);
  await using folder = await temporaryFolder();
  const tls = request.useTls ? await tlsOf(request, folder.path) : undefined;
  const server = await serve({
    services: [conformanceService(messages)],
    maxReceiveMessageBytes: request.messageReceiveLimit,
    graceMs: 1_000,
    logger: createLogger({ name: "conformance", level: "error", destination: process.stderr }),
    ...(tls && { tls }),
  });
  const response = {
    host: "127.0.0.1",
    port: server.port,
    pemCert: request.serverCreds?.cert ?? Buffer.alloc(0),
  };
  process.stdout.write(delimited(messages.ServerCompatResponse.encode(response).finish()));
  await server.closed;
});

/** The certificates, in the files that the kit reads them from. */
async function tlsOf(
  { serverCreds, clientTlsCert }: ServerCompatRequest,
  folder: string,
): Promise<ServerTls> {
  if (serverCreds === undefined) throw new Error("no certificate to serve with");
  const certFile = join(folder, "cert.pem");
  const keyFile = join(folder, "key.pem");
  await writeFile(certFile, serverCreds.cert);
  await writeFile(keyFile, serverCreds.key);
  if (clientTlsCert.length === 0) return { certFile, keyFile };
  const clientCaFile = join(folder, "client-ca.pem");
  await writeFile(clientCaFile, clientTlsCert);
  return { certFile, keyFile, clientCaFile };
}
