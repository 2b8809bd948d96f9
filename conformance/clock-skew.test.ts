/** What does it matter that the clocks of two hosts differ? On services whose clock is off. */
import { afterAll, expect, test } from "@jest/globals";
import { CreateUserRequest, UserServiceDefinition } from "@org/contracts/user/v1";
import { Code, createClient } from "@org/kit/client";
import { report } from "./support/figures.ts";
import { openChannel } from "./support/open-channel.ts";
import { connectRaw, frame } from "./support/raw-grpc.ts";
import { startService } from "./support/service-process.ts";

/** Loaded before a service: its `Date` is off by that many milliseconds. */
function shiftedClock(ms: number): string {
  const source = `
    const now = Date.now.bind(Date);
    globalThis.Date = class extends Date {
      constructor(...args) { if (args.length === 0) super(now() + ${ms}); else super(...args); }
      static now() { return now() + ${ms}; }
    };`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

const measured: number[] = [];

afterAll(() => {
  report({
    what: "deadlines where the server's clock is off by ± 30 s, ± 5 min",
    must: "unaffected",
    measured: `deadlines of 1,000 ms came after ${measured.join(", ")} ms`,
  });
});

test.each([-300, -30, 30, 300])(
  "deadlines hold where the server's clock is off by %d s",
  async (seconds) => {
    await using service = await startService({
      name: "user-service",
      dataDir: "memory://",
      env: { NODE_OPTIONS: `--import=${shiftedClock(seconds * 1000)}` },
    });
    using channel = openChannel(service.target);
    const users = createClient(UserServiceDefinition, channel);
    const before = Date.now() / 1000;
    const user = await users.createUser(
      { name: "Ada", email: "ada@example.org" },
      { timeoutMs: 10_000 },
    );
    // That it is off is true.
    expect(Math.abs(Number(user.createdAt) - before - seconds)).toBeLessThan(15);

    // A call that the client does not end is ended by the server, when its time is over and no earlier.
    await using raw = await connectRaw(service.target);
    const start = performance.now();
    const half = raw.open({
      path: "/org.user.v1.UserService/BulkCreateUsers",
      headers: { "grpc-timeout": "1S" },
      body: frame(
        CreateUserRequest.encode({
          name: "Half",
          email: "h@example.org",
          age: 0,
          requestId: "",
        }).finish(),
      ),
    });
    const { status } = await half.answer;
    const tookMs = performance.now() - start;
    measured.push(Math.round(tookMs));
    expect(status).toBe(Code.DEADLINE_EXCEEDED);
    expect(tookMs).toBeGreaterThan(990);
    expect(tookMs).toBeLessThan(15_000);
  },
);
