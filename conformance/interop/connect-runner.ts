import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { mustRunTool, root } from "../support/run-tool.ts";

const suite = "connectrpc.com/conformance";

/**
 * The release of the suite. v1.0.7 needs connectrpc.com/connect/v2 v2.0.2, which could not be downloaded when this was
 * written. It has the same cases, with delays of 500 ms instead of 200 in those that are cancelled.
 */
export const suiteVersion = "v1.0.6";

const cache = join(root, "node_modules/.cache/connect-conformance", suiteVersion);
// Node takes no types out of what is under node_modules.
const messages = join(import.meta.dirname, "gen", `connect-${suiteVersion}`);

/** The program that runs the cases, and the folder of the messages' types; or why there are none. */
export type ConnectRunner =
  | { readonly program: string; readonly messages: string }
  | { readonly missing: string };

/** Builds what is not there yet: the runner with Go, the types of its messages with Buf. */
export async function connectRunner(): Promise<ConnectRunner> {
  const program = join(cache, "connectconformance");
  try {
    if (!existsSync(program)) {
      // `go install` puts it there once it is complete.
      const command = `${suite}/cmd/connectconformance@${suiteVersion}`;
      await mustRunTool("go", ["install", command], { env: { GOBIN: cache } });
    }
    if (!existsSync(messages)) await generateMessages(await download());
    return { program, messages };
  } catch (error) {
    return { missing: String(error) };
  }
}

const downloaded = z.object({ Dir: z.string() });

/** The folder with the suite's sources. */
async function download(): Promise<string> {
  const output = await mustRunTool("go", [
    ...["mod", "download", "-json"],
    `${suite}@${suiteVersion}`,
  ]);
  return downloaded.parse(JSON.parse(output)).Dir;
}

async function generateMessages(source: string): Promise<void> {
  // Generated aside: what has its final name is complete.
  const aside = `${messages}.${randomUUID()}`;
  const template = join(import.meta.dirname, "connect.buf.gen.yaml");
  const google = join(root, "node_modules/google-proto-files");
  try {
    await mkdir(aside, { recursive: true });
    for (const input of [
      [join(source, "proto")],
      [google, "--path", join(google, "google/rpc/status.proto")],
    ]) {
      await mustRunTool("buf", ["generate", ...input, "--template", template, "--output", aside]);
    }
    await rename(aside, messages);
  } catch (error) {
    // Another run was faster.
    if (!existsSync(messages)) throw error;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}
