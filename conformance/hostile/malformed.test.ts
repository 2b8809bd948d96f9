import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { GetUserRequest } from "@org/contracts/user/v1";
import { Code } from "@org/kit/client";
import { connectRaw, frame, type RawConnection } from "../support/raw-grpc.ts";
import { encodeCall, openRawHttp2, type RawHttp2 } from "../support/raw-http2.ts";
import { startTarget, type Target } from "../support/target.ts";
import { type Calm, calm, expectUnharmed } from "../support/unharmed.ts";
import { getUserPath, malformedCases, type MalformedOutcome } from "./malformed-cases.ts";

const body = frame(GetUserRequest.encode({ userId: "u1" }).finish());
let target: Target;
let before: Calm;
let bystander: RawConnection;

beforeAll(async () => {
  target = await startTarget();
  before = await calm(target);
  bystander = await connectRaw(target.address);
});

afterAll(async () => {
  await bystander[Symbol.asyncDispose]();
  await target[Symbol.asyncDispose]();
});

/** What comes of what was sent. Where the connection is left, it is good for more calls. */
async function outcomeOn(connection: RawHttp2): Promise<MalformedOutcome> {
  const isAlive = await connection.fence();
  if (!isAlive) return { kind: "goaway", code: connection.goaway ?? -1 };
  const [first, next] = [1, 101];
  await connection.until(() => connection.outcomeOf(first).isOver);
  await connection.send(encodeCall(next, getUserPath, body));
  await connection.until(() => connection.outcomeOf(next).isOver);
  expect(connection.outcomeOf(next)).toMatchObject({ httpStatus: "200", grpcStatus: Code.OK });
  expect(connection.goaway).toBeUndefined();
  const { grpcStatus, reset } = connection.outcomeOf(first);
  return reset === undefined
    ? { kind: "status", code: grpcStatus ?? -1 }
    : { kind: "reset", code: reset };
}

test.each(malformedCases)("$title ($source)", async ({ bytes, outcome }) => {
  await using connection = await openRawHttp2(target.port);
  await connection.send(bytes);
  expect(await outcomeOn(connection)).toEqual(outcome);
  // Somebody else's connection.
  const { status } = await bystander.call({ path: getUserPath, body });
  expect(status).toBe(Code.OK);
});

test("the target is unharmed by all of them", async () => {
  await expect(expectUnharmed(target, before)).resolves.toBeUndefined();
});
