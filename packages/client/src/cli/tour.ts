import { codeName, RpcError } from "@org/kit/client";
import type { Output } from "./output.ts";
import { printable } from "./printable.ts";

/** Tells what a tour does, step by step. */
export class Tour {
  readonly #output: Output;
  #step = "";

  constructor(output: Output) {
    this.#output = output;
  }

  /** Begins a step: the method that is called, and how. */
  async step(method: string, about: string): Promise<void> {
    this.#step = method;
    if (this.#output.json) return;
    const { bold, dim } = this.#output.colors;
    await this.#output.line(`\n${bold(method)}: ${dim(about)}`);
  }

  /** Tells what happens, on a line. */
  async tell(text: string): Promise<void> {
    if (this.#output.json) await this.#output.value({ step: this.#step, text });
    else await this.#output.line(`  ${printable(text)}`);
  }

  /** Tells what a call answers, or the status that it fails with: of some, that is to be expected. */
  async tellAnswer(answer: Promise<string>, expected = ""): Promise<void> {
    let text: string;
    try {
      text = await answer;
    } catch (error) {
      if (!(error instanceof RpcError) || error.reason === undefined) throw error;
      const asExpected = error.reason === expected ? ", as expected" : "";
      text = `${codeName(error.code)} (${error.reason})${asExpected}: ${error.text}`;
    }
    await this.tell(text);
  }
}
