import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Done, LoadCall, LoadConnection } from "./load-connection.ts";

const lineEnd = "\r\n";

/** What is read next of an answer: its head, a chunk's size, what is counted in `left`, or the end of the chunks. */
type State = "head" | "size" | "body" | "end";

/** An HTTP/1.1 connection of a load generator: one call at a time. A call without a body is a GET, another a POST. */
export class HttpConnection implements LoadConnection {
  readonly #socket: Socket;
  readonly #request: Buffer;
  readonly #expected: Buffer;
  #rest: Buffer = Buffer.alloc(0);
  #state: State = "head";
  #isChunked = false;
  #left = 0;
  #done: Done | undefined;
  #received: Buffer[] = [];
  #problem: string | undefined;
  #ending: string | undefined;
  /** The body of the last answer. */
  lastBody: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket, { path, headers, body, expected }: LoadCall) {
    this.#socket = socket;
    this.#expected = expected;
    const head = [
      `${body.length === 0 ? "GET" : "POST"} ${path} HTTP/1.1`,
      "host: 127.0.0.1",
      ...(body.length === 0 ? [] : [`content-length: ${body.length}`]),
      ...headers.map(([name, value]) => `${name}: ${value}`),
    ];
    this.#request = Buffer.concat([
      Buffer.from(`${head.join(lineEnd)}${lineEnd}${lineEnd}`, "latin1"),
      body,
    ]);
  }

  /** Connects. */
  static async open(port: number, call: LoadCall): Promise<HttpConnection> {
    const socket = connect(port, "127.0.0.1").setNoDelay();
    await once(socket, "connect");
    const connection = new HttpConnection(socket, call);
    socket.on("data", (bytes: Buffer) => {
      connection.#read(bytes);
    });
    socket.on("close", () => {
      connection.#end("the connection was closed");
    });
    socket.on("error", (error) => {
      connection.#end(error.message);
    });
    return connection;
  }

  get bytesWritten(): number {
    return this.#socket.bytesWritten;
  }

  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  call(done: Done): void {
    if (this.#ending !== undefined) {
      done(this.#ending);
      return;
    }
    if (this.#done !== undefined) throw new Error("there is a call already");
    this.#done = done;
    this.#socket.write(this.#request);
  }

  close(): void {
    this.#ending = "the connection is closed";
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (this.#step());
  }

  /** Reads the next part; answers whether there was all of it. */
  #step(): boolean {
    switch (this.#state) {
      case "head": {
        const head = this.#until(lineEnd + lineEnd);
        if (head === undefined) return false;
        this.#takeHead(head);
        return true;
      }
      case "size": {
        const line = this.#until(lineEnd);
        if (line === undefined) return false;
        // The line before is the end of the last chunk.
        if (line === "") return true;
        this.#left = Number.parseInt(line, 16);
        this.#state = this.#left === 0 ? "end" : "body";
        return true;
      }
      case "body": {
        const part = this.#rest.subarray(0, this.#left);
        this.#rest = this.#rest.subarray(part.length);
        this.#received.push(part);
        this.#left -= part.length;
        if (this.#left > 0) return false;
        if (this.#isChunked) this.#state = "size";
        else this.#finish();
        return this.#rest.length > 0;
      }
      case "end": {
        if (this.#until(lineEnd) === undefined) return false;
        this.#finish();
        return true;
      }
    }
  }

  #until(mark: string): string | undefined {
    const end = this.#rest.indexOf(mark);
    if (end < 0) return undefined;
    const text = this.#rest.toString("latin1", 0, end);
    this.#rest = this.#rest.subarray(end + mark.length);
    return text;
  }

  #takeHead(head: string): void {
    const status = head.slice(9, 12);
    if (status !== "200") this.#problem = `status ${status}`;
    this.#isChunked = /^transfer-encoding: *chunked$/im.test(head);
    this.#left = Number(/^content-length: *(\d+)$/im.exec(head)?.[1] ?? 0);
    if (this.#isChunked) this.#state = "size";
    else if (this.#left > 0) this.#state = "body";
    else this.#finish();
  }

  #finish(): void {
    this.lastBody = Buffer.concat(this.#received);
    const isRight = this.lastBody.equals(this.#expected);
    const problem = this.#problem ?? (isRight ? undefined : "another answer than expected");
    const done = this.#done;
    this.#state = "head";
    this.#received = [];
    this.#problem = undefined;
    this.#done = undefined;
    done?.(problem);
  }

  #end(problem: string): void {
    this.#ending ??= problem;
    const done = this.#done;
    this.#done = undefined;
    done?.(problem);
  }
}
