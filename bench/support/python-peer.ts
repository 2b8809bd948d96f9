import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Product } from "@org/contracts/product/v1";
import { mustRunTool } from "../../conformance/support/run-tool.ts";
import { getProductCall } from "./calls.ts";
import { pinned } from "./cores.ts";
import { framed } from "./framing.ts";
import type { LoadCall } from "./load-connection.ts";
import type { MeasuredServer } from "./server-load.ts";
import { product } from "./work.ts";

/** The Python server, in a process on its core. */
export interface PythonPeer extends MeasuredServer, AsyncDisposable {
  /** The version of grpcio. */
  readonly version: string;
}

/** GetProduct of the former contract, which has no field for exact prices. */
export const formerCall: LoadCall = {
  ...getProductCall(),
  path: "/product.ProductService/GetProduct",
  expected: framed([Product.encode({ ...product, unitPrice: undefined }).finish()]),
};

/** Starts the server on a Python that has grpcio and its tools. */
export async function startPythonPeer(python: string): Promise<PythonPeer> {
  const stubs = await mkdtemp(join(tmpdir(), "bench-"));
  const protos = join(import.meta.dirname, "../../conformance/legacy");
  await mustRunTool(python, [
    ...["-m", "grpc_tools.protoc", `--proto_path=${protos}`],
    ...[`--python_out=${stubs}`, `--grpc_python_out=${stubs}`, "product.proto"],
  ]);
  const version = await mustRunTool(python, ["-c", "import grpc; print(grpc.__version__)"]);
  const file = join(import.meta.dirname, "../peers/product_server.py");
  const at = pinned("measured", python, [file]);
  const child = spawn(at.command, at.args, {
    env: { ...process.env, PYTHONPATH: stubs, PYTHONDONTWRITEBYTECODE: "1" },
    // It ends when its input does, and so with this process.
    stdio: ["pipe", "pipe", "inherit"],
  });
  const line = Promise.withResolvers<string>();
  createInterface({ input: child.stdout }).once("line", line.resolve);
  child.once("close", (code) => {
    line.reject(new Error(`the Python server has ended: ${code ?? "by a signal"}`));
  });
  return {
    port: Number(await line.promise),
    protocol: "grpc",
    version: version.trim(),
    state: async () => ({ cpuMicroseconds: await cpuOf(child.pid ?? 0) }),
    async [Symbol.asyncDispose]() {
      const closed = once(child, "close");
      child.kill("SIGKILL");
      await closed;
      await rm(stubs, { recursive: true, force: true });
    },
  };
}

/** How many there are in a second of those that Linux counts processor time in. */
const ticksPerSecond = 100;

/** The processor time of a process, from where Linux keeps it; 0 on other systems. */
async function cpuOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // After the name, which may have spaces: the 14th and the 15th of all (proc_pid_stat(5)).
  const [user = 0, system = 0] = text
    .slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return ((user + system) / ticksPerSecond) * 1_000_000;
}
