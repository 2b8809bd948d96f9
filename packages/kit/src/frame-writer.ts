import { type MessageType, writeFrame } from "./definition.ts";
import { borrowWriter, returnWriter, type ScratchWriter } from "./scratch-writer.ts";

/** What a stream is expected to write at once, at most. */
const maxExpectedBytes = 64 * 1024;

/**
 * Collects the messages of a stream with their prefixes, one directly behind the other, so that many of
 * them are one write. Takes no memory while there are none.
 */
export class FrameWriter<T> {
  readonly #type: MessageType<T>;
  readonly #maxBytes: number;
  #writer: ScratchWriter | undefined;
  /** How many bytes were taken the last time. As many again are not moved while they are written. */
  #lastBytes = 0;

  /** With `maxBytes`, larger messages are not taken. */
  constructor(type: MessageType<T>, maxBytes?: number) {
    this.#type = type;
    this.#maxBytes = maxBytes ?? Infinity;
  }

  /** How many bytes there are to take. */
  get bytes(): number {
    return this.#writer?.length ?? 0;
  }

  /** Adds a message. Where that throws, what was added before is still there. */
  add(message: T): void {
    const writer = (this.#writer ??= this.#borrow());
    try {
      writeFrame(writer, this.#type, message, this.#maxBytes);
    } finally {
      if (writer.length === 0) this.#return(writer);
    }
  }

  /** Adds a message that has been encoded, with its prefix. */
  addFrame(frame: Uint8Array): void {
    this.#writer ??= this.#borrow();
    this.#writer.raw(frame);
  }

  /** All that was added since the last time, the caller's own; undefined where that is nothing. */
  take(): Buffer | undefined {
    const writer = this.#writer;
    if (writer === undefined) return undefined;
    const frames = writer.take();
    this.#lastBytes = frames.length;
    this.#return(writer);
    return frames;
  }

  #borrow(): ScratchWriter {
    const writer = borrowWriter();
    // The last message is often the one that goes beyond what was taken before.
    writer.expect(Math.min(Math.ceil(1.25 * this.#lastBytes), maxExpectedBytes));
    return writer;
  }

  #return(writer: ScratchWriter): void {
    this.#writer = undefined;
    returnWriter(writer);
  }
}
