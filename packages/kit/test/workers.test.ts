import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { errorCodeOf } from "../src/message-of.ts";
import { EchoDefinition } from "./echo.ts";
import { failureOf, idsOf, message } from "./echo-server.ts";
import { readMetrics } from "./metrics-page.ts";
import {
  type ConnectedClient,
  type ServiceLine,
  type ServiceProcess,
  startService,
} from "./service-process.ts";

/** Less than half of the grace: what did not wait for that. */
const atOnce = 4_000;

const wellEnded = { code: 0, signal: null };

/** As many connections as there are workers: handed out in turns, each leads to another one. */
async function connectAll(service: ServiceProcess, count: number): Promise<ConnectedClient[]> {
  const clients: ConnectedClient[] = [];
  while (clients.length < count) clients.push(await service.connect());
  return clients;
}

/** The processes that connections lead to. */
async function pidsOf(service: ServiceProcess, count: number): Promise<Set<number>> {
  using clients = closing(await connectAll(service, count));
  return new Set(clients.all.map(({ pid }) => pid));
}

function closing(all: readonly ConnectedClient[]) {
  return {
    all,
    [Symbol.dispose]: () => {
      for (const client of all) client[Symbol.dispose]();
    },
  };
}

/** A stream that is open until it is finished. */
async function openStream({ client }: ConnectedClient) {
  const last = Promise.withResolvers<void>();
  async function* requests() {
    yield message("first");
    await last.promise;
    yield message("last");
  }
  const answers = client.chat(requests());
  await answers.next();
  return {
    /** Sends the last request, and resolves with the ids of all answers to come. */
    finish: () => {
      last.resolve();
      return idsOf(answers);
    },
  };
}

/** Resolves once connections to a port are refused. */
async function refused(port: number): Promise<void> {
  for (let isOpen = true; isOpen; ) {
    const socket = connect(port, "127.0.0.1");
    isOpen = await once(socket, "connect").then(
      () => true,
      // Where it was in the queue when nobody listened any more, it is closed.
      (error: unknown) => errorCodeOf(error) !== "ECONNREFUSED",
    );
    socket.destroy();
  }
}

/** A port that nobody listens on at the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await once(server.close(), "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

const says =
  (msg: string) =>
  (line: ServiceLine): boolean =>
    line.msg === msg;

test("with one worker there are no others", async () => {
  await using service = await startService({ WORKERS: "1" });
  using client = await service.connect();
  expect(client.pid).toBe(service.pid);
  service.kill("SIGTERM");
  expect(await service.ended).toEqual(wellEnded);
  expect(new Set(service.log.map(({ pid }) => pid))).toEqual(new Set([service.pid]));
});

test("connections to the port reach all workers, and none the primary", async () => {
  await using service = await startService({ WORKERS: "3" });
  const port = await service.port;
  const pids = await pidsOf(service, 3);
  expect(pids.size).toBe(3);
  expect(pids).not.toContain(service.pid);
  const serving = service.log.filter(says("serving"));
  expect(serving.map((line) => line.port)).toEqual([port, port, port, port]);
  expect(serving.map(({ workers }) => workers)).toEqual([undefined, undefined, undefined, 3]);
});

describe("a worker that ends is replaced", () => {
  test("after kill -9, while the others go on", async () => {
    await using service = await startService({ WORKERS: "2" });
    using clients = closing(await connectAll(service, 2));
    const [victim, other] = clients.all;
    if (victim === undefined || other === undefined) throw new Error("there are no clients");
    process.kill(victim.pid, "SIGKILL");
    expect(await service.line(says("a worker has ended"))).toMatchObject({
      level: 50,
      pid: service.pid,
      worker: victim.pid,
      code: null,
      signal: "SIGKILL",
    });
    expect(await other.client.echo({})).toMatchObject({ requestId: String(other.pid) });
    const known = [service.pid, victim.pid, other.pid];
    const { pid } = await service.line(
      (line) => line.msg === "serving" && !known.includes(line.pid),
    );
    expect(await pidsOf(service, 2)).toEqual(new Set([other.pid, pid]));
  });

  test("after SIGTERM, at which it finishes its calls", async () => {
    await using service = await startService({ WORKERS: "2" });
    using client = await service.connect();
    const stream = await openStream(client);
    process.kill(client.pid, "SIGTERM");
    await service.line(({ msg, pid }) => msg === "shutting down" && pid === client.pid);
    expect(await stream.finish()).toEqual([String(client.pid)]);
    expect(await service.line(says("a worker has ended"))).toMatchObject({
      worker: client.pid,
      code: 0,
    });
    await service.line(says("serving"), 4);
    expect(await pidsOf(service, 2)).not.toContain(client.pid);
  });

  test("again and again, ever less often, while the port is closed", async () => {
    const port = await freePort();
    await using service = await startService({ WORKERS: "2", GRPC_PORT: String(port) });
    const pids = await pidsOf(service, 2);
    await service.nextStart("broken");
    for (const pid of pids) process.kill(pid, "SIGKILL");
    await refused(port);
    const ends = [];
    // Four of each worker, at least of one.
    for (let nth = 1; nth <= 7; nth += 1) {
      ends.push(await service.line(says("a worker has ended"), nth));
    }
    const waits = ends.map(({ retryInMs = 0 }) => retryInMs);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(50);
    expect(Math.max(...waits)).toBeGreaterThanOrEqual(400);
    expect(Math.max(...waits)).toBeLessThanOrEqual(3_200);
    expect(new Set(ends.map(({ reason }) => reason))).toEqual(
      new Set([undefined, "what the service needs is broken"]),
    );
    await refused(port);

    await service.nextStart("well");
    await service.line(says("serving"), 5);
    expect((await pidsOf(service, 2)).size).toBe(2);
    expect(service.stderr()).toBe("");
  });
});

describe("all workers finish their calls, once, and the process ends with 0", () => {
  test.each([
    ["SIGTERM to the primary", (service: ServiceProcess) => service.kill("SIGTERM")],
    ["Ctrl-C, which reaches all processes", (service: ServiceProcess) => service.killAll("SIGINT")],
  ])("at %s", async (_name, signal) => {
    await using service = await startService({ WORKERS: "2" });
    using clients = closing(await connectAll(service, 2));
    const streams = await Promise.all(clients.all.map(openStream));
    signal(service);
    await refused(await service.port);
    const answers = await Promise.all(streams.map(({ finish }) => finish()));
    expect(answers).toEqual(clients.all.map(({ pid }) => [String(pid)]));
    expect(await service.ended).toEqual(wellEnded);
    expect(service.stderr()).toBe("");
    const ended = service.log.filter(says("shut down"));
    expect(ended).toHaveLength(2);
    expect(new Set(ended.map(({ pid }) => pid))).toEqual(
      new Set(clients.all.map(({ pid }) => pid)),
    );
    expect(service.log.filter(({ level }) => level > 30)).toEqual([]);
  });

  test("at SIGTERM, also where none serves yet", async () => {
    await using service = await startService({ WORKERS: "2" }, "never");
    await service.line(says("waiting for ever"), 2);
    service.kill("SIGTERM");
    expect(await service.ended).toEqual(wellEnded);
    expect(service.stderr()).toBe("");
  });

  test("at SIGTERM, also where none has come as far as that", async () => {
    await using service = await startService({ WORKERS: "2", LOG_LEVEL: "debug" }, "never");
    await service.line(says("starting"));
    service.kill("SIGTERM");
    expect(await service.ended).toEqual(wellEnded);
    expect(service.stderr()).toBe("");
  });
});

test("the second signal ends all at once", async () => {
  await using service = await startService({ WORKERS: "2" });
  using clients = closing(await connectAll(service, 2));
  const streams = await Promise.all(clients.all.map(openStream));
  service.kill("SIGTERM");
  await refused(await service.port);
  const start = performance.now();
  service.kill("SIGTERM");
  expect(await service.ended).toEqual({ code: null, signal: "SIGTERM" });
  expect(performance.now() - start).toBeLessThan(atOnce);
  await Promise.all(streams.map(({ finish }) => failureOf(finish())));
});

test("a worker that does not shut down is killed, and the process ends with 1", async () => {
  await using service = await startService({ WORKERS: "2", STOP_TIMEOUT_MS: "500" });
  using client = await service.connect();
  process.kill(client.pid, "SIGSTOP");
  service.kill("SIGTERM");
  expect(await service.ended).toEqual({ code: 1, signal: null });
  expect(service.log.filter(({ level }) => level > 30)).toMatchObject([
    { msg: "a worker does not shut down: it is killed", worker: client.pid },
    { msg: "shutdown failed" },
  ]);
});

test("workers whose primary is gone finish their calls, and end", async () => {
  await using service = await startService({ WORKERS: "2" });
  using clients = closing(await connectAll(service, 2));
  const streams = await Promise.all(clients.all.map(openStream));
  service.kill("SIGKILL");
  await service.line(says("the primary is gone: shutting down"), 2);
  await refused(await service.port);
  const answers = await Promise.all(streams.map(({ finish }) => finish()));
  expect(answers).toEqual(clients.all.map(({ pid }) => [String(pid)]));
  expect(await service.ended).toEqual({ code: null, signal: "SIGKILL" });
  expect(service.log.filter(says("shut down"))).toHaveLength(2);
});

/** Calls on each connection, one after the other, until it is stopped. */
function startLoad(clients: readonly ConnectedClient[]) {
  const over = new AbortController();
  let count = 0;
  const failures: unknown[] = [];
  const loops = clients.map(async ({ client }) => {
    while (!over.signal.aborted) {
      await client.echo({}).catch((error: unknown) => failures.push(error));
      count += 1;
      // So that they do not take all of a small machine.
      await delay(1);
    }
  });
  return {
    async stop() {
      over.abort();
      await Promise.all(loops);
      return { count, failures };
    },
  };
}

describe("SIGHUP", () => {
  test("replaces one worker after the other, and no call fails", async () => {
    await using service = await startService({ WORKERS: "2" });
    using clients = closing(await connectAll(service, 6));
    const before = new Set(clients.all.map(({ pid }) => pid));
    const load = startLoad(clients.all);
    // To the workers it means nothing.
    service.killAll("SIGHUP");
    await service.line(says("restarting the workers"));
    // That comes in the middle of it.
    service.kill("SIGHUP");
    await service.line(says("restarted the workers"), 2);
    const { count, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(count).toBeGreaterThan(100);
    const after = await pidsOf(service, 2);
    expect(after.size).toBe(2);
    expect([...after].filter((pid) => before.has(pid))).toEqual([]);

    const said = service.log.filter(({ msg }) => msg.startsWith("restart")).map(({ msg }) => msg);
    const steps = ["restarting the workers", "restarted the workers"];
    expect(said).toEqual([...steps, ...steps]);
    let serving = 0;
    const counts = service.log.flatMap(({ msg, workers }) => {
      if (msg === "serving" && workers === undefined) serving += 1;
      if (msg === "shut down") serving -= 1;
      return [serving];
    });
    const whole = service.log.findIndex(({ workers }) => workers !== undefined);
    expect(Math.min(...counts.slice(whole))).toBe(2);
    expect(Math.max(...counts)).toBe(3);
    expect(service.log.filter(({ level }) => level > 30)).toEqual([]);
  });

  test("leaves the workers as they are where a new one cannot start", async () => {
    await using service = await startService({ WORKERS: "2" });
    const before = await pidsOf(service, 2);
    await service.nextStart("broken");
    service.kill("SIGHUP");
    const line = await service.line(says("a new worker cannot start: the old ones stay"));
    expect(line).toMatchObject({ level: 50, reason: "what the service needs is broken" });
    expect(await pidsOf(service, 2)).toEqual(before);
    await service.nextStart("well");
    service.kill("SIGHUP");
    await service.line(says("restarted the workers"));
    const after = await pidsOf(service, 2);
    expect([...after].filter((pid) => before.has(pid))).toEqual([]);
  });
});

describe("metrics", () => {
  const started = `grpc_server_call_started_total{grpc_method="${EchoDefinition.fullName}/Echo"`;

  /** Where they are shown. */
  async function metricsPortOf(service: ServiceProcess): Promise<number> {
    const { port } = await service.line(says("showing metrics"));
    if (port === undefined) throw new Error("the line has no port");
    return port;
  }

  test("of one process are its own, and do not keep it from ending", async () => {
    await using service = await startService({ WORKERS: "1", METRICS_PORT: "0" });
    using client = await service.connect();
    expect(client.pid).toBe(service.pid);
    const page = await readMetrics(await metricsPortOf(service));
    expect(page.value(`${started}}`)).toBe(1);
    service.kill("SIGTERM");
    expect(await service.ended).toEqual(wellEnded);
  });

  test("of all workers are on one page, each with its PID", async () => {
    await using service = await startService({ WORKERS: "2", METRICS_PORT: "0" });
    using clients = closing(await connectAll(service, 2));
    await clients.all[0]?.client.echo({});
    const port = await metricsPortOf(service);
    const before = await readMetrics(port);
    const counts = clients.all.map(({ pid }) => before.value(`${started},worker="${pid}"}`));
    expect(counts).toEqual([2, 1]);
    expect(before.series("process_resident_memory_bytes")).toHaveLength(2);

    service.kill("SIGHUP");
    await service.line(says("restarted the workers"));
    const after = await readMetrics(port);
    const pids = [...(await pidsOf(service, 2))];
    expect(new Set(after.series("grpc_server_connections"))).toEqual(
      new Set(pids.map((pid) => `grpc_server_connections{worker="${pid}"}`)),
    );
    service.kill("SIGTERM");
    expect(await service.ended).toEqual(wellEnded);
  });

  test("of a worker that hangs are left out", async () => {
    await using service = await startService({ WORKERS: "2", METRICS_PORT: "0" });
    using clients = closing(await connectAll(service, 2));
    const [hanging, other] = clients.all;
    if (hanging === undefined || other === undefined) throw new Error("there are no clients");
    process.kill(hanging.pid, "SIGSTOP");
    await other.client.echo({});
    // Two who ask at the same time get the same.
    const port = await metricsPortOf(service);
    const pages = await Promise.all([readMetrics(port), readMetrics(port)]);
    for (const page of pages) {
      const all = page.series(started);
      expect(all).toHaveLength(1);
      expect(page.value(all[0] ?? "")).toBe(2);
    }
  });

  test.each(["1", "2"])("where their port is taken, nothing starts: %s", async (workers) => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await using service = await startService({ WORKERS: workers, METRICS_PORT: String(port) });
    expect(await service.ended).toEqual({ code: 1, signal: null });
    expect(service.stderr()).toBe(
      `cannot listen on 127.0.0.1:${port}: listen EADDRINUSE: address already in use 127.0.0.1:${port}\n`,
    );
    expect(service.log).toEqual([]);
    await once(taken.close(), "close");
  });
});

describe("a start that cannot be ends with 1, and says why once", () => {
  test("a wrong number of workers", async () => {
    await using service = await startService({ WORKERS: "many" });
    expect(await service.ended).toEqual({ code: 1, signal: null });
    expect(service.stderr()).toBe(
      'the environment is wrong:\n  WORKERS is "many": it must be a whole number of processes, from 1 to 1,000, ' +
        "or auto: as many as there are processors\n",
    );
  });

  test("a port that is taken", async () => {
    const occupant = createServer().listen(0, "127.0.0.1");
    await once(occupant, "listening");
    const address = occupant.address();
    const port = String(typeof address === "object" ? address?.port : undefined);
    await using service = await startService({ WORKERS: "2", GRPC_PORT: port });
    expect(await service.ended).toEqual({ code: 1, signal: null });
    expect(service.stderr()).toBe(
      `cannot listen on 127.0.0.1:${port}: bind EADDRINUSE 127.0.0.1:${port}\n`,
    );
    occupant.close();
  });

  test("files for TLS that are of no use", async () => {
    const file = import.meta.filename;
    const tls = { TLS_CERT_FILE: file, TLS_KEY_FILE: file };
    await using service = await startService({ WORKERS: "2", ...tls });
    expect(await service.ended).toEqual({ code: 1, signal: null });
    expect(service.stderr()).toBe(`${file} has no certificate in PEM\n`);
  });

  test("an error of the service's own", async () => {
    await using service = await startService({ WORKERS: "2" }, "broken");
    expect(await service.ended).toEqual({ code: 1, signal: null });
    expect(service.stderr()).toBe("what the service needs is broken\n");
  });

  test("a defect, with its stack", async () => {
    await using service = await startService({ WORKERS: "2" }, "defect");
    expect(await service.ended).toEqual({ code: 1, signal: null });
    expect(service.stderr()).toMatch(/^Error: a defect\n {4}at start /);
    expect(service.stderr().match(/a defect/g)).toHaveLength(1);
  });
});
