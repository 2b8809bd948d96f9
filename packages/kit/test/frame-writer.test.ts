import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { framedEncoderOf } from "../src/definition.ts";
import { FrameWriter } from "../src/frame-writer.ts";
import { Node } from "./gen/org/codec/v1/codec.ts";

const frame = framedEncoderOf(Node);

function named(name: string): Node {
  return Node.fromPartial({ name });
}

test("an empty one has nothing to take", () => {
  const frames = new FrameWriter(Node);
  expect(frames.bytes).toBe(0);
  expect(frames.take()).toBeUndefined();
});

test("messages are taken together, each with its prefix, and only once", () => {
  const frames = new FrameWriter(Node);
  const names = ["a", "", "漢", "x".repeat(100_000), "b"];
  const expected = Buffer.concat(names.map((name) => frame(named(name))));
  for (const name of names) frames.add(named(name));
  expect(frames.bytes).toBe(expected.length);
  expect(frames.take()).toEqual(expected);
  expect(frames.bytes).toBe(0);
  expect(frames.take()).toBeUndefined();
});

test("several at a time keep their messages apart, and none writes over what was taken", () => {
  const step = fc.record({
    writer: fc.nat(2),
    // Take, or add a text that is this long.
    length: fc.option(fc.oneof(fc.nat(50), fc.nat(30_000)), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const writers = [0, 1, 2].map(() => ({
        frames: new FrameWriter(Node),
        added: [] as Buffer[],
        taken: [] as Buffer[],
      }));
      for (const [index, { writer: at, length }] of steps.entries()) {
        const writer = writers[at];
        if (writer === undefined) throw new Error("there is no such writer");
        if (length === undefined) {
          writer.taken.push(writer.frames.take() ?? Buffer.alloc(0));
          continue;
        }
        const message = named(String(index).padEnd(length, "x"));
        writer.frames.add(message);
        writer.added.push(Buffer.from(frame(message)));
      }
      for (const { frames, added, taken } of writers) {
        taken.push(frames.take() ?? Buffer.alloc(0));
        expect(Buffer.concat(taken).equals(Buffer.concat(added))).toBe(true);
      }
    }),
  );
});

const broken: Node = {
  name: "broken",
  next: named("x".repeat(50_000)),
  get children(): Node[] {
    throw new Error("no children");
  },
};

test("a message that cannot be encoded takes nothing from those before and after it", () => {
  const frames = new FrameWriter(Node);
  expect(() => {
    frames.add(broken);
  }).toThrow("no children");
  expect(frames.bytes).toBe(0);
  frames.add(named("before"));
  const { bytes } = frames;
  expect(() => {
    frames.add(broken);
  }).toThrow("no children");
  expect(frames.bytes).toBe(bytes);
  frames.add(named("after"));
  expect(frames.take()).toEqual(Buffer.concat([frame(named("before")), frame(named("after"))]));
});

test("a message far larger than others holds no memory once it is taken", () => {
  const frames = new FrameWriter(Node);
  frames.add(named("x".repeat(4_000_000)));
  frames.take();
  frames.add(named("small"));
  expect(frames.take()?.buffer.byteLength).toBeLessThanOrEqual(64 * 1024);
  frames.add(named("small"));
  expect(frames.take()?.buffer.byteLength).toBeLessThanOrEqual(16 * 1024);
});
