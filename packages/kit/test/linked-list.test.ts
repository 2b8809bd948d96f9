import { expect, test } from "@jest/globals";
import { LinkedList } from "../src/linked-list.ts";

const [a, b, c] = [{ name: "a" }, { name: "b" }, { name: "c" }] as const;

test("has what was added, the oldest first", () => {
  const list = new LinkedList<object>();
  expect([list.size, list.first, list.values()]).toEqual([0, undefined, []]);
  for (const each of [a, b, c]) list.add(each);
  expect([list.size, list.first, list.values()]).toEqual([3, a, [a, b, c]]);
});

test.each([
  ["the first", 0, [b, c]],
  ["one in the middle", 1, [a, c]],
  ["the last", 2, [a, b]],
])("takes out %s, and only once", (_which, index, left) => {
  const list = new LinkedList<object>();
  const links = [a, b, c].map((each) => list.add(each));
  const link = links[index];
  if (link === undefined) throw new Error("it was not added");
  list.remove(link);
  list.remove(link);
  expect([list.size, list.first, list.values()]).toEqual([2, left[0], left]);
  // What is out of it refers to nothing in it.
  expect([link.value, link.previous, link.next]).toEqual([undefined, undefined, undefined]);
  list.add(a);
  expect(list.values()).toEqual([...left, a]);
});

test("can be emptied, and filled again", () => {
  const list = new LinkedList<object>();
  const link = list.add(a);
  list.remove(link);
  expect([list.size, list.first]).toEqual([0, undefined]);
  list.add(b);
  expect(list.values()).toEqual([b]);
});
