import { mustRunTool, runTool } from "./run-tool.ts";

/** By which version of gRPC server reflection `buf` asks a server what it has. */
export type ReflectionProtocol = "grpc-v1" | "grpc-v1alpha";

const curl = ["curl", "--protocol", "grpc", "--http2-prior-knowledge"];

/** How a method is called. */
export interface BufCurlOptions {
  /** The version of reflection; the newest that the server has by default. */
  readonly protocol?: ReflectionProtocol;
  /** For a stream that does not end: how many messages to wait for. */
  readonly enough?: number;
}

/** What a server lists by reflection, sorted. */
export async function bufCurlList(
  target: string,
  what: "services" | "methods",
  protocol: ReflectionProtocol,
): Promise<string[]> {
  const args = [`--list-${what}`, "--reflect-protocol", protocol, `http://${target}`];
  return (await mustRunTool("buf", [...curl, ...args])).trimEnd().split("\n");
}

/**
 * Calls a method, which it knows by reflection only, with JSON messages on the standard input.
 * Resolves with the messages that come back. Rejects where the call fails.
 */
export async function bufCurl(
  url: string,
  requests: readonly object[],
  { protocol, enough }: BufCurlOptions = {},
): Promise<unknown[]> {
  const reflect = protocol === undefined ? [] : ["--reflect-protocol", protocol];
  const { code, stdout, stderr } = await runTool(
    "buf",
    [...curl, ...reflect, "--data", "@-", url],
    {
      input: requests.map((request) => JSON.stringify(request)).join("\n"),
      ...(enough !== undefined && {
        until: (printed: string) => parseMessages(printed).length >= enough,
      }),
    },
  );
  if (code !== 0 && enough === undefined) throw new Error(`buf curl ${url} failed:\n${stderr}`);
  return parseMessages(stdout);
}

/** The messages in what buf prints: indented, one after the other, the last one maybe cut short. */
function parseMessages(printed: string): unknown[] {
  return (printed.match(/^\{(?:\}|[^]*?^\})$/gm) ?? []).map(parse);
}

function parse(json: string): unknown {
  return JSON.parse(json);
}
