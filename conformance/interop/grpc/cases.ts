import { runTool } from "../../support/run-tool.ts";
import type { Peer } from "./peer.ts";

/**
 * The cases of gRPC's interop tests, also the experimental ones
 * (https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md).
 */
export const describedCases = [
  "empty_unary",
  "cacheable_unary",
  "large_unary",
  "client_compressed_unary",
  "server_compressed_unary",
  "client_streaming",
  "client_compressed_streaming",
  "server_streaming",
  "server_compressed_streaming",
  "ping_pong",
  "empty_stream",
  "compute_engine_creds",
  "jwt_token_creds",
  "oauth2_auth_token",
  "per_rpc_creds",
  "google_default_credentials",
  "compute_engine_channel_credentials",
  "custom_metadata",
  "status_code_and_message",
  "special_status_message",
  "unimplemented_method",
  "unimplemented_service",
  "cancel_after_begin",
  "cancel_after_first_response",
  "timeout_on_sleeping_server",
  "concurrent_large_unary",
  "rpc_soak",
  "channel_soak",
  "long_lived_channel",
  "orca_per_rpc",
  "orca_oob",
] as const;

/** Cases that are left out, each with the reason. */
export type LeftOut = Readonly<Record<string, string>>;

const google = "asks Google's servers for credentials, and a server of Google's to take them";
const orca = "the kit reports no load to clients (ORCA)";

const leftOutBothWays: LeftOut = {
  cacheable_unary: "was for a caching proxy in between; neither grpc-go nor grpc-java answers it",
  compute_engine_creds: google,
  jwt_token_creds: google,
  oauth2_auth_token: google,
  per_rpc_creds: google,
  google_default_credentials: google,
  compute_engine_channel_credentials: google,
  long_lived_channel: "no client has it; it is rpc_soak with pauses",
  orca_per_rpc: orca,
  orca_oob: orca,
};

const uncompressed = "our server compresses no answers: grpc-js cannot";
const unprobed =
  "first expects the server to refuse what came uncompressed, and grpc-js does not tell a handler; what it sends then is in the case …_noprobe";

/** What our server is not asked. */
export const leftOutOfOurServer: LeftOut = {
  ...leftOutBothWays,
  client_compressed_unary: unprobed,
  client_compressed_streaming: unprobed,
  server_compressed_unary: uncompressed,
  server_compressed_streaming: uncompressed,
  concurrent_large_unary: "no client has it; rpc_soak makes as many calls, 100 at a time",
  // Not in the descriptions any more, but in clients.
  service_account_creds: google,
  pick_first_unary: "is about how a client takes the answers of grpclb",
};

/** What our client does not ask. */
export const leftOutOfOurClient: LeftOut = {
  ...leftOutBothWays,
  client_compressed_streaming:
    "our client compresses all messages of a channel, or none, and this wants one of each in a stream",
  server_compressed_streaming: "neither grpc-go's server nor grpc-java's compresses a stream",
  rpc_soak: "is concurrent_large_unary, one call after the other",
  channel_soak: "is empty_unary, many times: each case has a channel of its own here",
};

/** How the long cases are run: as many calls as concurrent_large_unary has, and as many channels as take a second. */
const soak = [
  "--soak_overall_timeout_seconds=60",
  "--soak_per_iteration_max_acceptable_latency_ms=30000",
];
const argumentsOf: Readonly<Record<string, readonly string[]>> = {
  rpc_soak: ["--soak_iterations=1000", "--soak_num_threads=100", ...soak],
  channel_soak: ["--soak_iterations=50", ...soak],
};

/** The cases that a peer's client can run, but for those that are left out: as its help lists them. */
export async function casesForOurServer({ client }: Peer): Promise<readonly string[]> {
  const [command = "", ...args] = client;
  const { stdout, stderr } = await runTool(command, [...args, "--help"]);
  const listed = Array.from(
    `${stdout}${stderr}`.matchAll(/^\s+([a-z]+(?:_[a-z]+)+) ?: /gm),
    ([, name = ""]) => name,
  );
  // Go's help does not mention those that take arguments.
  return Array.from(new Set([...listed, ...Object.keys(argumentsOf)])).filter(
    (name) => !(name in leftOutOfOurServer),
  );
}

/** Has a peer's client run a case against a server on 127.0.0.1. Rejects, with what it printed, where that fails. */
export async function runCase(
  { client }: Peer,
  name: string,
  port: number,
  transport: readonly string[],
): Promise<void> {
  const [command = "", ...args] = client;
  const { code, stdout, stderr } = await runTool(command, [
    ...args,
    ...["--server_host=127.0.0.1", `--server_port=${port}`, `--test_case=${name}`],
    ...transport,
    ...(argumentsOf[name] ?? []),
  ]);
  if (code === 0) return;
  const printed = `${stdout}${stderr}`.trimEnd().split("\n");
  // The long cases print a line for each call.
  throw new Error(`${name} failed:\n${printed.slice(-30).join("\n")}`);
}
