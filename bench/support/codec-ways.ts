import { Product } from "@org/contracts/product/v1";
import { existsSync } from "node:fs";
import { join } from "node:path";
import protobuf from "protobufjs";
import {
  decoderOf,
  encoderOf,
  framedEncoderOf,
  type MessageType,
} from "../../packages/kit/src/definition.ts";
import { FrameWriter } from "../../packages/kit/src/frame-writer.ts";
import { Color, Order } from "../../packages/kit/test/gen/org/codec/v1/codec.ts";

/** What is measured. */
export type Task = "encode" | "decode";

/** The ways to do it. */
export const ways: Readonly<Record<Task, readonly string[]>> = {
  encode: ["ts-proto", "kit", "kit, framed", "kit, framed 64 at a time", "protobufjs", "JSON"],
  decode: ["ts-proto", "kit", "protobufjs", "JSON"],
};

/** How many messages there are, so that no two that follow are the same. */
const different = 256;

/** One message of a kind, and another for each index, so that no two that follow are the same. */
interface Sample<T> {
  /** Its name in the .proto file. */
  readonly fullName: string;
  readonly type: MessageType<T> & { toJSON(message: T): unknown };
  readonly of: (index: number) => T;
}

const samples = {
  Product: sample({
    fullName: "org.product.v1.Product",
    type: Product,
    of: (index) => ({
      id: `p${index}`,
      name: `Laptop Pro ${index}`,
      description: "A laptop for people who carry it all day",
      category: index % 2 === 0 ? "Electronics" : "Books",
      price: Math.fround(1299.99),
      unitPrice: { currencyCode: "USD", units: BigInt(1000 + index), nanos: 990_000_000 },
    }),
  }),
  Order: sample({
    fullName: "org.codec.v1.Order",
    type: Order,
    of: (index) => ({
      orderId: `0193a5e4-7b1c-7f00-8a3e-${String(index).padStart(12, "0")}`,
      customerId: `c-${index}`,
      email: `someone.${index}@example.com`,
      statusText: "On its way",
      color: Color.COLOR_RED,
      createdAtMillis: 1_763_600_000_000n + BigInt(index),
      updatedAtMillis: 1_763_600_100_000n + BigInt(index),
      quantity: 3,
      weightKilograms: 1.25,
      discount: 0.5,
      isGift: true,
      isPaid: true,
      street: `${index} Rue de l’Église`,
      city: "Genève",
      postalCode: "1204",
      countryCode: "CH",
      note: "Please ring twice, and leave it with the neighbours where nobody opens the door.",
      tags: ["fragile", "express", "insured"],
      itemCounts: [1, 2, 300],
      deliveredAt: { seconds: 1_763_600_200n, nanos: 1_000_000 },
    }),
  }),
};

/** The messages that are measured. */
export const messageNames: readonly string[] = Object.keys(samples);

/** Makes what does a task once, with another message each time, and returns what came of it. */
export function prepare(messageName: string, task: Task, way: string): () => unknown {
  const prepared = samples[messageName === "Order" ? "Order" : "Product"];
  return task === "encode" ? prepared.encode(way) : prepared.decode(way);
}

function sample<T>({ fullName, type, of }: Sample<T>) {
  const messages = Array.from({ length: different }, (_, index) => of(index));
  // What an application has that speaks JSON: no bigint, which JSON has not.
  const objects = messages.map((message): object => {
    const object = type.toJSON(message);
    return typeof object === "object" && object !== null ? object : {};
  });
  return {
    encode(way: string): () => unknown {
      switch (way) {
        case "ts-proto":
          return each(messages, (message) => Buffer.from(type.encode(message).finish()));
        case "kit":
          return each(messages, encoderOf(type));
        case "kit, framed":
          return each(messages, framedEncoderOf(type));
        case "kit, framed 64 at a time": {
          const frames = new FrameWriter(type);
          let added = 0;
          return each(messages, (message) => {
            frames.add(message);
            return ++added % 64 === 0 ? frames.take() : undefined;
          });
        }
        case "protobufjs": {
          const theirs = protobufjsType(fullName);
          const own = messages.map((message) => theirs.decode(type.encode(message).finish()));
          return each(own, (message) => theirs.encode(message).finish());
        }
        default:
          return each(objects, (object) => Buffer.from(JSON.stringify(object)));
      }
    },
    decode(way: string): () => unknown {
      const encoded = messages.map((message) => Buffer.from(type.encode(message).finish()));
      switch (way) {
        case "ts-proto":
          return each(encoded, (bytes) => type.decode(bytes));
        case "kit":
          return each(encoded, decoderOf(type));
        case "protobufjs": {
          const theirs = protobufjsType(fullName);
          return each(encoded, (bytes) => theirs.decode(bytes));
        }
        default: {
          const texts = objects.map((object) => Buffer.from(JSON.stringify(object)));
          return each(texts, (text): unknown => JSON.parse(text.toString()));
        }
      }
    },
  };
}

function each<T>(inputs: readonly T[], act: (input: T) => unknown): () => unknown {
  let next = 0;
  return () => {
    const input = inputs[next++ % different];
    return input === undefined ? undefined : act(input);
  };
}

/** The code that protobufjs generates for a message is the same at run time as in advance. */
function protobufjsType(fullName: string): protobuf.Type {
  const root = new protobuf.Root();
  const repository = join(import.meta.dirname, "../..");
  const folders = ["proto", "packages/kit/test/proto", ".protovalidate", "google-proto-files"];
  root.resolvePath = (_origin, file) =>
    folders
      .flatMap((folder) => [join(repository, folder), join(repository, "node_modules", folder)])
      .map((folder) => join(folder, file))
      .find((path) => existsSync(path)) ?? file;
  const file = fullName === "org.codec.v1.Order" ? "codec/v1/codec" : "product/v1/product_service";
  return root.loadSync(`org/${file}.proto`).lookupType(fullName);
}
