import { expect, test } from "@jest/globals";
import { HeldBytes, Holding } from "../src/held-bytes.ts";

function held(graceMs: number) {
  const ended: string[] = [];
  const bytes = new HeldBytes<{ name: string }>({
    maxBytes: 100,
    graceMs,
    end: ({ name }) => void ended.push(name),
  });
  const holdings = new Map<string, Holding<{ name: string }>>();
  const hold = (name: string, count: number): boolean => {
    const holding = holdings.get(name) ?? new Holding({ name });
    holdings.set(name, holding);
    return bytes.hold(holding, count);
  };
  return { ended, hold };
}

test("there is room for so many", () => {
  const { ended, hold } = held(0);
  expect([hold("a", 60), hold("b", 40)]).toEqual([true, true]);
  expect(ended).toEqual([]);
});

test("who has held theirs for longest makes way", () => {
  const { ended, hold } = held(0);
  hold("a", 60);
  hold("b", 30);
  expect(hold("c", 50)).toBe(true);
  expect(ended).toEqual(["a"]);
  expect(hold("c", 70)).toBe(true);
  expect(ended).toEqual(["a"]);
  expect(hold("c", 71)).toBe(true);
  expect(ended).toEqual(["a", "b"]);
});

test("nobody makes way before the grace is over, and the next gets no room", () => {
  const { ended, hold } = held(60_000);
  hold("a", 60);
  expect(hold("b", 50)).toBe(false);
  hold("b", 0);
  expect(hold("c", 40)).toBe(true);
  expect(ended).toEqual([]);
});

test("who gets rid of some is not the next to make way", () => {
  const { ended, hold } = held(0);
  hold("a", 50);
  hold("b", 40);
  hold("a", 30);
  expect(hold("c", 50)).toBe(true);
  expect(ended).toEqual(["b"]);
});

test("who has the most makes way for nobody but those that it asks for itself", () => {
  const { ended, hold } = held(0);
  expect(hold("a", 101)).toBe(false);
  expect(hold("a", 20)).toBe(true);
  expect(ended).toEqual([]);
});
