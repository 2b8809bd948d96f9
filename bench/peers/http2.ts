/** node:http2 alone, with the least of gRPC that its callers see and the codec that ts-proto generates. */
import { once } from "node:events";
import { constants, createServer, type ServerHttp2Stream } from "node:http2";
import type { MessageType } from "@org/kit";
import {
  GetProductRequest,
  ImportProductsRequest,
  ImportProductsResponse,
  ListProductsByCategoryRequest,
  Product,
} from "@org/contracts/product/v1";
import { BulkCreateUsersResponse, CreateUserRequest } from "@org/contracts/user/v1";
import { announce } from "../support/announce.ts";
import { framed, MessageReader } from "../support/framing.ts";
import { listeningPort } from "../support/listening-port.ts";
import { findProduct, importOne, productsIn } from "../support/work.ts";

/** How many messages are written at a time. */
const writtenTogether = 64;

const answers: Readonly<Record<string, (stream: ServerHttp2Stream) => void>> = {
  "/org.product.v1.ProductService/GetProduct": (stream) => {
    readOne(stream, GetProductRequest, ({ productId }) => {
      void findProduct(productId).then((product) => {
        stream.end(framed([Product.encode(product).finish()]));
      });
    });
  },
  "/org.product.v1.ProductService/ListProductsByCategory": (stream) => {
    readOne(stream, ListProductsByCategoryRequest, ({ category }) => {
      void writeAll(stream, productsIn(category));
    });
  },
  "/org.product.v1.ProductService/ImportProducts": (stream) => {
    const reader = new MessageReader();
    stream.on("data", (bytes: Buffer) => {
      const results: Uint8Array[] = [];
      reader.read(bytes, (message) => {
        const result = importOne(ImportProductsRequest.decode(message));
        results.push(ImportProductsResponse.encode(result).finish());
      });
      if (results.length === 0 || stream.write(framed(results))) return;
      stream.pause();
      stream.once("drain", () => stream.resume());
    });
    stream.on("end", () => stream.end());
  },
  "/org.user.v1.UserService/BulkCreateUsers": (stream) => {
    const reader = new MessageReader();
    let createdCount = 0;
    stream.on("data", (bytes: Buffer) => {
      reader.read(bytes, (message) => {
        if (CreateUserRequest.decode(message).name !== "") createdCount += 1;
      });
    });
    stream.on("end", () => {
      const response = BulkCreateUsersResponse.encode({ createdCount, userIds: [] });
      stream.end(framed([response.finish()]));
    });
  },
};

function readOne<T>(
  stream: ServerHttp2Stream,
  type: MessageType<T>,
  take: (request: T) => void,
): void {
  const reader = new MessageReader();
  stream.on("data", (bytes: Buffer) => {
    reader.read(bytes, (message) => {
      take(type.decode(message));
    });
  });
}

async function writeAll(stream: ServerHttp2Stream, products: readonly Product[]): Promise<void> {
  for (let from = 0; from < products.length; from += writtenTogether) {
    const part = products.slice(from, from + writtenTogether);
    const bytes = framed(part.map((product) => Product.encode(product).finish()));
    if (!stream.write(bytes)) await once(stream, "drain");
  }
  stream.end();
}

const server = createServer();
server.on("stream", (stream, headers) => {
  stream.respond(
    {
      [constants.HTTP2_HEADER_STATUS]: 200,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc+proto",
    },
    { waitForTrailers: true },
  );
  stream.on("wantTrailers", () => {
    stream.sendTrailers({ "grpc-status": "0" });
  });
  answers[headers[":path"] ?? ""]?.(stream);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
announce(listeningPort(server));
