import type { CallContext } from "./call-context.ts";
import { Code } from "./code.ts";
import { confirmEnd } from "./confirm-end.ts";
import type { Decode } from "./definition.ts";
import { decompress, tooManyWait } from "./decompression.ts";
import type { MessageDecoder } from "./message-decoder.ts";
import { MessageQueue } from "./message-queue.ts";
import { asRefusal, decoderOf, encodingOf } from "./read-request.ts";
import { RpcError, type Violation } from "./rpc-error.ts";
import type { ServerCall } from "./server-call.ts";

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
  call: ServerCall,
  context: CallContext,
  decode: Decode<unknown>,
  streamCheck: StreamCheck | undefined,
): MessageQueue<unknown> {
  return new RequestReader(call, context, decode, streamCheck).queue;
}

/** Reads the requests of a call, one after the other as its handler asks for them. */
class RequestReader {
  readonly queue: MessageQueue<unknown>;
  readonly #call: ServerCall;
  readonly #decode: Decode<unknown>;
  readonly #decoder: MessageDecoder;
  readonly #gate: RequestGate | undefined;
  #isWanted = true;
  #isDecompressing = false;
  #isEnded = false;
  /** Whether there has been a request: from then on, its client owes only the rest of one that has come in part. */
  #hasCome = false;
  #bytes = 0;

  constructor(
    call: ServerCall,
    context: CallContext,
    decode: Decode<unknown>,
    streamCheck: StreamCheck | undefined,
  ) {
    const { stream } = call;
    this.#call = call;
    this.#decode = decode;
    this.#decoder = decoderOf(call);
    const queue = new MessageQueue<unknown>({
      resume: () => {
        this.#isWanted = true;
        this.#pump();
      },
      stop: () => {
        this.#leave();
      },
      held: (bytes) => {
        if (!call.isOver && !call.open.holdQueued(bytes)) call.abort(tooManyWait());
      },
    });
    this.queue = queue;
    const refuse = (error: unknown): void => {
      // A handler that has left the stream has made up its mind.
      if (queue.fail(error) && error instanceof RpcError) context.refusal = error;
      // Until the handler has heard of it, no more is read.
      this.#leave();
    };
    this.#gate = streamCheck && new RequestGate(streamCheck, this.#pass, refuse);
    stream.on("data", (data: Buffer) => {
      if (call.isOver) return;
      this.#decoder.push(data);
      this.#pump();
    });
    stream.on("end", () => {
      if (call.isOver) return;
      call.open.owesNothing();
      confirmEnd(stream.session, () => {
        this.#isEnded = true;
        this.#pump();
      });
    });
  }

  /** No more is wanted, and so nothing is owed. */
  #leave(): void {
    const { isOver, open, stream } = this.#call;
    this.#isWanted = false;
    open.owesNothing();
    open.holdPart(0);
    // What comes once it is over is thrown away.
    if (!isOver) stream.pause();
  }

  /** Hands over what is there and wanted; reads on where nothing is left. */
  #pump(): void {
    const call = this.#call;
    const { stream } = call;
    const decoder = this.#decoder;
    for (;;) {
      if (call.isOver) return;
      if (!this.#isWanted || this.#isDecompressing) {
        if (!stream.isPaused()) stream.pause();
        return;
      }
      if (!decoder.next()) break;
      if (!this.#hasCome) {
        this.#hasCome = true;
        call.open.requestIsThere();
      }
      const { bytes, start, end, isCompressed } = decoder;
      if (isCompressed) this.#decompress(bytes.subarray(start, end));
      else this.#receive(bytes, start, end);
    }
    if (call.isOver) return;
    if (this.#isEnded) {
      this.#finish();
    } else if (stream.isPaused()) {
      stream.resume();
    }
  }

  /** No request follows. Only now is it known whether there is a rest that is none. */
  #finish(): void {
    if (this.#call.open.isCutShort) {
      const text = "the stream of requests ended in the middle of a message";
      this.#call.abort(new RpcError(Code.INTERNAL, text));
      return;
    }
    this.#gate?.end();
    this.queue.end();
  }

  #decompress(bytes: Buffer): void {
    const call = this.#call;
    this.#isDecompressing = true;
    decompress(bytes, encodingOf(call) ?? "", call.open).then(
      (message) => {
        this.#isDecompressing = false;
        if (call.isOver) return;
        this.#receive(message, 0, message.length);
        this.#pump();
      },
      (error: unknown) => {
        call.abort(asRefusal(error));
      },
    );
  }

  #receive(bytes: Buffer, start: number, end: number): void {
    this.#bytes = end - start;
    let message: unknown;
    try {
      message = this.#decode(bytes, start, end);
    } catch (cause) {
      this.#call.abort(new RpcError(Code.INTERNAL, "a request cannot be decoded", { cause }));
      return;
    }
    if (this.#gate === undefined) this.#pass(message);
    else this.#gate.receive(message);
  }

  readonly #pass = (message: unknown): void => {
    if (!this.queue.push(message, this.#bytes)) this.#isWanted = false;
  };
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
      // Thrown into an event of the stream, it would end the process.
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
