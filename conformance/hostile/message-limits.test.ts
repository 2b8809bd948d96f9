/** Is a request that is too large refused before its bytes are kept? */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Code } from "@org/kit/client";
import { report } from "../support/figures.ts";
import { connectRaw, frame, type RawConnection } from "../support/raw-grpc.ts";
import { startTarget, type Target } from "../support/target.ts";
import { type Calm, calm, expectUnharmed } from "../support/unharmed.ts";

/** What the contract says of each method, by saying nothing. */
const maxBytes = 256 * 1024;

const paths = ["GetUser", "ListUsers", "BulkCreateUsers"].map(
  (method) => `/org.user.v1.UserService/${method}`,
);

/** A valid request of each of the methods, with a field that the contract does not have: so many bytes in all. */
function requestOf(path: string, bytes: number): Buffer {
  const known = path.endsWith("BulkCreateUsers")
    ? Buffer.from("\x0a\x03Ada\x12\x0fada@example.com")
    : Buffer.from(path.endsWith("GetUser") ? "\x0a\x01u" : "");
  // Field 100, of bytes: a tag of two bytes, and a length of three.
  const rest = bytes - known.length - 5;
  const length = [(rest & 0x7f) | 0x80, ((rest >> 7) & 0x7f) | 0x80, rest >> 14];
  return Buffer.concat([known, Buffer.from([0xa2, 0x06, ...length]), Buffer.alloc(rest)]);
}

let target: Target;
let before: Calm;
let connection: RawConnection;

beforeAll(async () => {
  target = await startTarget();
  before = await calm(target);
  connection = await connectRaw(target.address);
}, 60_000);

afterAll(async () => {
  await connection[Symbol.asyncDispose]();
  await expectUnharmed(target, before);
  report({
    what: "message at the limit, one byte over, declared 4 GiB",
    must: "OK; RESOURCE_EXHAUSTED before the body is buffered",
    measured: `${paths.length} methods: OK at ${maxBytes} bytes, RESOURCE_EXHAUSTED for ${maxBytes + 1} and 4 GiB once the length is there`,
  });
  await target[Symbol.asyncDispose]();
}, 60_000);

test.each(paths)("%s takes a message at its limit", async (path) => {
  const { status } = await connection.call({ path, body: frame(requestOf(path, maxBytes)) });
  expect(status).toBe(Code.OK);
});

test.each(
  paths.flatMap((path) => [maxBytes + 1, 0xff_ff_ff_ff].map((length) => ({ path, length }))),
)("$path refuses a message of $length bytes by its length", async ({ path, length }) => {
  // No more than the length is sent: the answer does not wait for the rest.
  const prefix = frame(new Uint8Array(), { length });
  const { status, text } = await connection.call({ path, body: prefix, keepOpen: true });
  expect({ status, text }).toEqual({
    status: Code.RESOURCE_EXHAUSTED,
    text: `the request has ${length} bytes; the method takes ${maxBytes}`,
  });
});

test.each(paths)("%s refuses what has more bytes than that, and reads on", async (path) => {
  const body = frame(requestOf(path, maxBytes + 1));
  const { status } = await connection.call({ path, body });
  expect(status).toBe(Code.RESOURCE_EXHAUSTED);
  expect((await connection.call({ path, body: frame(requestOf(path, 100)) })).status).toBe(Code.OK);
});
