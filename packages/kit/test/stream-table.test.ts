import { once } from "node:events";
import {
  type ClientHttp2Session,
  connect,
  type Http2Session,
  type Http2Stream,
  type ServerHttp2Session,
} from "node:http2";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { openStream } from "../src/open-stream.ts";
import { StreamTable, useStreamTable } from "../src/stream-table.ts";
import { type RunningHttp2Server, startHttp2Server } from "./http2-server.ts";

let running: RunningHttp2Server;
let server: RunningHttp2Server["server"];

beforeAll(async () => {
  running = await startHttp2Server();
  ({ server } = running);
});

afterAll(async () => {
  await running[Symbol.asyncDispose]();
});

/** Both ends of a connection, which keep their streams in tables. */
async function connected(): Promise<{ client: ClientHttp2Session; other: ServerHttp2Session }> {
  const accepted = Promise.withResolvers<ServerHttp2Session>();
  server.once("session", accepted.resolve);
  const client = connect(running.url);
  const other = await accepted.promise;
  for (const session of [client, other]) useStreamTable(session);
  return { client, other };
}

/** What a session keeps its streams in. */
function streamsOf(session: Http2Session): unknown {
  const states = Object.getOwnPropertySymbols(session).map((key): unknown =>
    Reflect.get(session, key),
  );
  const state = states.find(
    (each) => typeof each === "object" && each !== null && "streams" in each,
  );
  return Reflect.get(Object(state), "streams");
}

/** Streams that are open at a time, with a request that the server has. */
async function openStreams(client: ClientHttp2Session, count: number): Promise<Http2Stream[]> {
  const streams: Http2Stream[] = [];
  for (let index = 0; index < count; index += 1) {
    const arrived = once(server, "stream");
    streams.push(openStream(client, [":path", "/", ":method", "POST"]));
    await arrived;
  }
  return streams;
}

test("has what a map has, however streams come and go", async () => {
  const { client } = await connected();
  const [stream] = await openStreams(client, 1);
  if (stream === undefined) throw new Error("it was not opened");
  const table = new StreamTable();
  const map = new Map<number, Http2Stream>();
  // Not each number, as some clients leave many out.
  for (let id = 1; id < 4_000; id += id < 3_000 ? 1 : 64) {
    table.set(id, stream);
    map.set(id, stream);
    // Some go at once, some later, and one in fifty never.
    const gone = id - (id % 3 === 0 ? 90 : 30);
    const removed = gone % 50 === 0 ? -1 : gone;
    expect(table.delete(removed)).toBe(map.delete(removed));
    expect(table.size).toBe(map.size);
    for (const each of [id, gone, id - 100]) expect(table.get(each)).toBe(map.get(each));
  }
  const ids: number[] = [];
  table.forEach((_stream, id) => ids.push(id));
  expect(new Set(ids)).toEqual(new Set(map.keys()));
  expect(ids).toHaveLength(map.size);
  expect(map.size).toBeGreaterThan(64);
  client.destroy();
});

test("holds the open streams of both ends, and no others", async () => {
  const { client, other } = await connected();
  const opened = await openStreams(client, 40);
  for (const session of [client, other]) {
    expect(streamsOf(session)).toBeInstanceOf(StreamTable);
    expect(streamsOf(session)).toHaveProperty("size", 40);
  }
  for (const stream of opened) {
    const closed = once(stream, "close");
    stream.close();
    await closed;
  }
  const pinged = Promise.withResolvers<unknown>();
  client.ping(pinged.resolve);
  await pinged.promise;
  for (const session of [client, other]) expect(streamsOf(session)).toHaveProperty("size", 0);
  client.destroy();
});

test("a session that is destroyed ends all its streams, the oldest first", async () => {
  const { client } = await connected();
  const opened = await openStreams(client, 40);
  const ended: number[] = [];
  const closed = opened.map(async (stream) => {
    const { id = 0 } = stream;
    await once(stream, "close");
    ended.push(id);
  });
  client.destroy();
  await Promise.all(closed);
  expect(ended).toHaveLength(40);
  expect(ended).toEqual(ended.toSorted((one, another) => one - another));
});

test("a session that is closed waits for its last stream", async () => {
  const { client } = await connected();
  const opened = await openStreams(client, 3);
  const closed = once(client, "close");
  client.close();
  for (const stream of opened) {
    expect(client.destroyed).toBe(false);
    const ended = once(stream, "close");
    stream.close();
    await ended;
  }
  await closed;
});

test("a session that has streams already keeps what it has them in", async () => {
  const accepted = Promise.withResolvers<ServerHttp2Session>();
  server.once("session", accepted.resolve);
  const client = connect(running.url);
  await accepted.promise;
  await openStreams(client, 1);
  useStreamTable(client);
  expect(streamsOf(client)).not.toBeInstanceOf(StreamTable);
  expect(streamsOf(client)).toHaveProperty("size", 1);
  client.destroy();
});
