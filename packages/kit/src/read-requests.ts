import type { CallContext } from "./call-context.ts";
import { Code } from "./code.ts";
import { MessageQueue } from "./message-queue.ts";
import { RpcError, type Violation } from "./rpc-error.ts";

/** The part of Node's readable streams that requests are read by. */
interface IncomingMessages {
  on(event: "data", listener: (message: unknown) => void): unknown;
  once(event: "end" | "cancelled", listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** Finds what is wrong with a request; undefined where nothing is. */
export type RequestCheck = (request: unknown) => readonly Violation[] | undefined;

/** How each request of a stream is checked before the handler sees it. */
export interface StreamCheck {
  readonly check: RequestCheck;
  /**
   * What becomes of one that breaks a rule: it ends the stream (`refuse`); it ends the stream together
   * with what is wrong with those behind it (`gather`); or the handler gets it, with what is wrong
   * (`answer`).
   */
  readonly invalid: "refuse" | "gather" | "answer";
}

/** How many violations of a stream are gathered before it is refused without reading on. */
const maxViolations = 100;

/** The requests of a call as an iterable, with no more read than the handler keeps up with. */
export function readRequests(
  call: IncomingMessages,
  context: CallContext,
  streamCheck: StreamCheck | undefined,
): MessageQueue<unknown> {
  const queue = new MessageQueue<unknown>({
    resume: () => call.resume(),
    stop: () => call.pause(),
  });
  const pass = (message: unknown): void => {
    if (!queue.push(message)) call.pause();
  };
  const refuse = (error: unknown): void => {
    // A handler that has left the stream has made up its mind.
    if (queue.fail(error) && error instanceof RpcError) context.refusal = error;
    // Until the handler has heard of it, no more is read.
    call.pause();
  };
  const gate = streamCheck && new RequestGate(streamCheck, pass, refuse);
  call.on("data", gate === undefined ? pass : (message: unknown) => gate.receive(message));
  call.once("end", () => {
    // Where the client resets the stream or the connection breaks, Node ends the stream a moment before
    // it closes it, and grpc-js takes that for the client's end: half a batch would look complete.
    setImmediate(() => {
      gate?.end();
      queue.end();
    });
  });
  call.once("cancelled", () => {
    queue.fail(context.aborted ?? new RpcError(Code.CANCELLED, "the call is over"));
  });
  return queue;
}

/** Checks the requests of a stream on their way to the handler. */
class RequestGate {
  readonly #check: RequestCheck;
  readonly #invalid: StreamCheck["invalid"];
  readonly #pass: (message: unknown) => void;
  readonly #refuse: (error: unknown) => void;
  #index = 0;
  #violations: Violation[] | undefined;
  #refused = false;

  constructor(
    { check, invalid }: StreamCheck,
    pass: (message: unknown) => void,
    refuse: (error: unknown) => void,
  ) {
    this.#check = check;
    this.#invalid = invalid;
    this.#pass = pass;
    this.#refuse = refuse;
  }

  receive(request: unknown): void {
    if (this.#refused) return;
    try {
      this.#receive(request);
    } catch (error) {
      // Thrown into an event of grpc-js, it would end the process.
      this.#end(error);
    }
  }

  /** Ends the stream with what was found wrong, if anything was. */
  end(): void {
    if (this.#refused || this.#violations === undefined) return;
    this.#end(RpcError.invalidArgument(this.#violations));
  }

  #end(error: unknown): void {
    this.#refused = true;
    this.#refuse(error);
  }

  #receive(request: unknown): void {
    const violations = this.#check(request);
    if (this.#invalid === "answer") {
      this.#pass({ request, violations: violations ?? [] });
    } else if (violations !== undefined && violations.length > 0) {
      this.#gather(violations);
    } else if (this.#violations === undefined) {
      this.#pass(request);
    }
    this.#index++;
  }

  #gather(violations: readonly Violation[]): void {
    this.#violations ??= [];
    for (const violation of violations.slice(0, maxViolations - this.#violations.length)) {
      this.#violations.push({ ...violation, field: `requests[${this.#index}].${violation.field}` });
    }
    if (this.#invalid === "refuse" || this.#violations.length >= maxViolations) this.end();
  }
}
