import type { StatusObject } from "@grpc/grpc-js";
import { Code } from "./code.ts";
import { RpcError } from "./rpc-error.ts";

/** What becomes of a call's answers. */
export interface AnswerReader {
  onMessage(message: unknown, bytes: number): void;
  onStatus(status: StatusObject): void;
}

/** A call that is answered. */
export interface AnsweredCall {
  /** Asks for one message more. */
  readOn(): void;
  /** Ends it with an error of the caller's own. */
  fail(error: unknown): void;
}

/** The answer of a call that has one. */
export class SingleAnswer implements AnswerReader {
  readonly status: Promise<StatusObject>;
  message: unknown;
  hasMessage = false;
  readonly #call: AnsweredCall;
  readonly #resolve: (status: StatusObject) => void;

  constructor(call: AnsweredCall) {
    this.#call = call;
    const { promise, resolve } = Promise.withResolvers<StatusObject>();
    this.status = promise;
    this.#resolve = resolve;
  }

  onMessage(message: unknown): void {
    if (this.hasMessage) {
      this.#call.fail(new RpcError(Code.UNIMPLEMENTED, "the server sent a second message"));
      return;
    }
    this.message = message;
    this.hasMessage = true;
    // The status comes only once all messages are read, so a second one is read as well.
    this.#call.readOn();
  }

  onStatus(status: StatusObject): void {
    this.#resolve(status);
  }
}
