import { Peer } from "./peer.ts";

/** How often it is looked whether peers that owe an answer have sent anything, in milliseconds. */
const lookIntervalMs = 100;

const peers = new Map<string, Peer>();
const watched = new Set<Peer>();
let timer: NodeJS.Timeout | undefined;
let lookedAt = 0;

/** The peer at an address, written as grpc-js does: `127.0.0.1:50051`, `[::1]:50051`. */
export function peerAt(address: string): Peer {
  let peer = peers.get(address);
  if (peer === undefined) {
    // Addresses come and go; who waits for its calls to end keeps the peer.
    peer = new Peer(address, { waiting: watch, gone: (gone) => peers.delete(gone.address) });
    peers.set(address, peer);
  }
  return peer;
}

function watch(peer: Peer): void {
  watched.add(peer);
  if (timer !== undefined) return;
  lookedAt = performance.now();
  // Whoever waits for an answer keeps the process alive by its connection.
  timer = setInterval(lookAtAll, lookIntervalMs).unref();
}

function lookAtAll(): void {
  const now = performance.now();
  // While this process was busy itself, what came was not read.
  const lostMs = Math.max(0, now - lookedAt - lookIntervalMs);
  lookedAt = now;
  for (const peer of watched) {
    peer.look(lostMs);
    if (peer.isAtRest) watched.delete(peer);
  }
  if (watched.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}
