/** Where does a busy server spend its time? */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Bench, Plan, Report } from "./support/bench.ts";
import { type Generator, startGenerator } from "./support/generator.ts";
import { type PeerName, peers, startPeer } from "./support/peers.ts";
import { measureServer } from "./support/server-load.ts";
import { table } from "./support/table.ts";
import { signToken, type Token } from "./support/token.ts";
import { type Kind, kinds, messagesOf } from "./support/work.ts";

/** Whose servers are looked into. */
const names = ["ours", "grpc-js", "http2"] as const satisfies readonly PeerName[];

/** What code belongs to, by what its address has in it; the first that fits. */
const parts = [
  { part: "the kit", pattern: /\/packages\/kit\// },
  { part: "generated code, its own codec", pattern: /\/packages\/contracts\/|@bufbuild\/protobuf/ },
  { part: "grpc-js", pattern: /@grpc\/grpc-js/ },
  { part: "tokens", pattern: /jose|lru-cache/ },
  { part: "handlers", pattern: /\/bench\// },
  { part: "Node's HTTP/2", pattern: /^node:internal\/http2/ },
  { part: "Node's streams, events, buffers", pattern: /^node:/ },
] as const;
const collection = "garbage collection";
const native = "V8 and native code";
const partNames = [...parts.map(({ part }) => part), collection, native];

/** How much of a server's busy time is spent where, in per cent, by the names of the parts. */
type Shares = Readonly<Record<string, number>>;

interface Result {
  readonly profiles: readonly {
    readonly kind: Kind;
    readonly name: PeerName;
    readonly shares: Shares;
  }[];
}

export const profile: Bench<Result> = {
  name: "profile",
  isQuick: false,
  packages: names.flatMap((name) => peers[name].packages),
  result: z.object({
    profiles: z.array(
      z.object({
        kind: z.enum(kinds),
        name: z.enum(names),
        shares: z.record(z.string(), z.number()),
      }),
    ),
  }),
  measure,
  report,
};

async function measure(plan: Plan): Promise<Result> {
  await using token = await signToken();
  await using generator = startGenerator();
  const profiles: Result["profiles"][number][] = [];
  for (const kind of kinds) {
    console.log(`profile: ${kind}`);
    for (const name of names) {
      profiles.push({
        kind,
        name,
        shares: await profileOf(name, kind, { token, generator, plan }),
      });
    }
  }
  return { profiles };
}

interface Parts {
  readonly token: Token;
  readonly generator: Generator;
  readonly plan: Plan;
}

async function profileOf(
  name: PeerName,
  kind: Kind,
  { token, generator, plan: { sliceMs, rounds, warmUpMs } }: Parts,
): Promise<Shares> {
  const folder = await mkdtemp(join(tmpdir(), "profile-"));
  try {
    const nodeFlags = ["--cpu-prof", `--cpu-prof-dir=${folder}`];
    await using peer = await startPeer(name, token, { nodeFlags });
    // The start and the warm-up are part of the profile.
    const forMs = 2 * warmUpMs + rounds * sliceMs;
    const work = { call: peer.callOf(kind), connections: 4, inFlight: kind === "unary" ? 100 : 8 };
    await measureServer(peer, generator, { ...work, forMs }, messagesOf(kind));
    await peer.leave();
    const [file = ""] = await readdir(folder);
    return sharesIn(cpuProfile.parse(JSON.parse(await readFile(join(folder, file), "utf8"))));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What V8 writes: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
const cpuProfile = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string() }),
    }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});

function sharesIn({ nodes, samples, timeDeltas }: z.infer<typeof cpuProfile>): Shares {
  const partOfNode = new Map(nodes.map(({ id, callFrame }) => [id, partOf(callFrame)]));
  const spent = new Map<string, number>();
  let total = 0;
  for (const [index, id] of samples.entries()) {
    const part = partOfNode.get(id);
    if (part === undefined) continue;
    const time = timeDeltas[index] ?? 0;
    spent.set(part, (spent.get(part) ?? 0) + time);
    total += time;
  }
  return Object.fromEntries([...spent].map(([part, time]) => [part, (100 * time) / total]));
}

/** Undefined while it waits for something to do. */
function partOf({ functionName, url }: { functionName: string; url: string }): string | undefined {
  if (functionName === "(idle)") return undefined;
  if (functionName === "(garbage collector)") return collection;
  return parts.find(({ pattern }) => pattern.test(url))?.part ?? native;
}

function report({ profiles }: Result): Report {
  const columns = profiles.map(({ kind, name }) => `${kind}: ${peers[name].title}`);
  const rows = partNames.map((part) => [
    part,
    ...profiles.map(({ shares }) => `${Math.round(shares[part] ?? 0)} %`),
  ]);
  return { markdown: table(["of its busy time", ...columns], rows), charts: {}, goals: [] };
}
