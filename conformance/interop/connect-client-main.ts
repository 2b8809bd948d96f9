/**
 * A client under test: `node connect-client-main.ts <folder of the messages>`. It reads from its standard input which
 * calls to make, and writes to its standard output what became of each.
 */
import { runMain } from "@org/kit";
import { makeCall } from "./connect-call.ts";
import { type ClientCompatResponse, loadMessages } from "./connect-messages.ts";
import { delimited, readDelimited } from "./size-delimited.ts";

/** How many calls are made at a time: the cases have delays of some 100 ms, which a busy process would miss. */
const maxCalls = 8;

await runMain(async () => {
  const messages = await loadMessages(process.argv[2] ?? "");
  const running = new Set<Promise<void>>();
  for await (const encoded of readDelimited(process.stdin)) {
    const request = messages.ClientCompatRequest.decode(encoded);
    const call = makeCall(messages, request)
      .then(
        (value): ClientCompatResponse["result"] => ({ $case: "response", value }),
        (error: unknown): ClientCompatResponse["result"] => {
          return { $case: "error", value: { message: String(error) } };
        },
      )
      .then((result) => {
        const response = { testName: request.testName, result };
        process.stdout.write(delimited(messages.ClientCompatResponse.encode(response).finish()));
        running.delete(call);
      });
    running.add(call);
    if (running.size >= maxCalls) await Promise.race(running);
  }
  await Promise.all(running);
});
