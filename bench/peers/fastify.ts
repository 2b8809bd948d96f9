/** fastify with JSON over HTTP/1.1: streams are lines of JSON, which no answer waits for the end of. */
import { once } from "node:events";
import { Readable, Transform, type TransformCallback } from "node:stream";
import { Product } from "@org/contracts/product/v1";
import Fastify from "fastify";
import { announce } from "../support/announce.ts";
import { listeningPort } from "../support/listening-port.ts";
import { findProduct, productsIn } from "../support/work.ts";

const ndjson = "application/x-ndjson";

/** What a service has in memory that is JSON throughout. */
const asJson = new Map<Product, unknown>();
function jsonOf(product: Product): unknown {
  const json = asJson.get(product) ?? Product.toJSON(product);
  asJson.set(product, json);
  return json;
}

/** Cuts the bytes of a request into the objects of its lines. */
class Lines {
  #rest = "";

  take(bytes: Buffer, each: (line: unknown) => void): void {
    const lines = (this.#rest + bytes.toString("latin1")).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) each(JSON.parse(line));
  }
}

function textOf(line: unknown, key: string): string {
  const value: unknown = typeof line === "object" && line !== null ? Reflect.get(line, key) : "";
  return typeof value === "string" ? value : "";
}

const text = { type: "string" } as const;
const productSchema = {
  type: "object",
  properties: {
    ...{ id: text, name: text, description: text, price: { type: "number" }, category: text },
    unitPrice: {
      type: "object",
      properties: { currencyCode: text, units: text, nanos: { type: "integer" } },
    },
  },
};

const app = Fastify();
app.addContentTypeParser(ndjson, (_request, payload, done) => {
  done(null, payload);
});

app.get<{ Params: { id: string } }>(
  "/v1/products/:id",
  { schema: { response: { 200: productSchema } } },
  async ({ params }) => jsonOf(await findProduct(params.id)),
);

app.get<{ Querystring: { category: string } }>("/v1/products", ({ query }, reply) => {
  function* lines(): Generator<string> {
    for (const product of productsIn(query.category)) yield `${JSON.stringify(jsonOf(product))}\n`;
  }
  return reply.type(ndjson).send(Readable.from(lines()));
});

app.post<{ Body: Readable }>("/v1/users/bulk", async ({ body }) => {
  let createdCount = 0;
  const lines = new Lines();
  body.on("data", (bytes: Buffer) => {
    lines.take(bytes, (line) => {
      if (textOf(line, "name") !== "") createdCount += 1;
    });
  });
  await once(body, "end");
  return { createdCount };
});

app.post<{ Body: Readable }>("/v1/products/import", ({ body }, reply) => {
  const lines = new Lines();
  const results = new Transform({
    transform(bytes: Buffer, _encoding, done: TransformCallback) {
      let answers = "";
      lines.take(bytes, (line) => {
        const result = { sequence: textOf(line, "sequence"), outcome: "OUTCOME_UPDATED" };
        answers += `${JSON.stringify(result)}\n`;
      });
      done(null, answers === "" ? undefined : answers);
    },
  });
  return reply.type(ndjson).send(body.pipe(results));
});

await app.listen({ port: 0, host: "127.0.0.1" });
announce(listeningPort(app.server));
