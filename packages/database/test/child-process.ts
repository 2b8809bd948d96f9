import { type ChildProcess, fork, type Serializable } from "node:child_process";

/** A module that runs in a process of its own. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** The next message it sends. Throws when it ends before it sends one. */
  next(): Promise<unknown>;
  /** The messages it has sent that were not taken yet. */
  rest(): unknown[];
  send(message: Serializable): void;
  /** Ends it as `kill -9` does; resolves once it is gone. */
  kill(): Promise<void>;
}

/** Runs a module of this folder in a process of its own. */
export function startChild(module: string, args: readonly string[] = []): Child {
  const child = fork(new URL(module, import.meta.url), [...args], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const received: unknown[] = [];
  let arrived = Promise.withResolvers<void>();
  let gone = false;
  child.on("message", (message) => {
    received.push(message);
    arrived.resolve();
  });
  const exit = exitOf(child).then(() => {
    gone = true;
    arrived.resolve();
  });
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exit;
  };
  return {
    pid: child.pid ?? 0,
    async next() {
      while (received.length === 0) {
        if (gone) throw new Error(`${module} ended before it sent a message`);
        await arrived.promise;
        arrived = Promise.withResolvers();
      }
      return received.shift();
    },
    rest: () => received.splice(0),
    send: (message) => child.send(message),
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

/** Resolves once it is gone and all that it has sent is here, which may come after its end. */
function exitOf(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once("error", reject);
  let left = 2;
  const gone = (): void => {
    left -= 1;
    if (left === 0) resolve();
  };
  child.once("exit", gone).once("disconnect", gone);
  return promise;
}
