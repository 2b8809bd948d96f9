import type { Random } from "../support/random-message.ts";

/** A whole number from 0 up to, not including, `end`. */
export function below(end: number, random: Random): number {
  return Math.floor(random() * end);
}

/** One of several. Throws a RangeError where there is none. */
export function oneOf<T>(values: readonly T[], random: Random): T {
  const value = values[below(values.length, random)];
  if (value === undefined) throw new RangeError("there is nothing to choose from");
  return value;
}

/** So many bytes of any value. */
export function randomBytes(length: number, random: Random): Buffer {
  return Buffer.from(Array.from({ length }, () => below(256, random)));
}

/** Lengths and numbers that programs get wrong. */
const borders = [0, 1, 0x7f, 0x80, 0xff];

const byteMutations: readonly ((bytes: Buffer, random: Random) => Buffer)[] = [
  // Flips bits.
  (bytes, random) => {
    const changed = Buffer.from(bytes);
    for (let left = 1 + below(4, random); left > 0 && changed.length > 0; left -= 1) {
      const at = below(changed.length, random);
      changed.writeUInt8(changed.readUInt8(at) ^ (1 << below(8, random)), at);
    }
    return changed;
  },
  // Cuts the end off.
  (bytes, random) => bytes.subarray(0, below(bytes.length + 1, random)),
  // Leaves some out.
  (bytes, random) => {
    const at = below(bytes.length + 1, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(8, random))]);
  },
  // Repeats some.
  (bytes, random) => {
    const at = below(bytes.length + 1, random);
    const some = bytes.subarray(at, at + 1 + below(64, random));
    return Buffer.concat([bytes.subarray(0, at), some, bytes.subarray(at)]);
  },
  // Puts others in between.
  (bytes, random) => {
    const at = below(bytes.length + 1, random);
    const others = randomBytes(1 + below(8, random), random);
    return Buffer.concat([bytes.subarray(0, at), others, bytes.subarray(at)]);
  },
  // Swaps two parts.
  (bytes, random) => {
    const [from = 0, to = 0] = [
      below(bytes.length + 1, random),
      below(bytes.length + 1, random),
    ].toSorted((a, b) => a - b);
    return Buffer.concat([bytes.subarray(to), bytes.subarray(from, to), bytes.subarray(0, from)]);
  },
  // Sets a byte to what is an end of its range.
  (bytes, random) => {
    const changed = Buffer.from(bytes);
    if (changed.length === 0) return changed;
    changed.writeUInt8(oneOf(borders, random), below(changed.length, random));
    return changed;
  },
];

/** Changes bytes in one way or another. */
export function mutateBytes(bytes: Buffer, random: Random): Buffer {
  return oneOf(byteMutations, random)(bytes, random);
}
