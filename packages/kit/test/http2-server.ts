import { once } from "node:events";
import { createServer, type Http2Server } from "node:http2";

/** An HTTP/2 server of Node's own. */
export interface RunningHttp2Server extends AsyncDisposable {
  readonly server: Http2Server;
  /** Where it is: `http://127.0.0.1:` and its port. */
  readonly url: string;
}

/** Starts one that does nothing yet. */
export async function startHttp2Server(): Promise<RunningHttp2Server> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("it does not listen");
  return {
    server,
    url: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}
