import { Metadata } from "@grpc/grpc-js";

/** Metadata with one entry of text that nobody changes, so that what is sent of them is made once for many calls. */
export class FixedMetadata extends Metadata {
  /** Name and value, as they are sent. */
  readonly headers: readonly [string, string];

  constructor(name: string, value: string) {
    super();
    this.set(name, value);
    this.headers = [name, value];
  }
}
