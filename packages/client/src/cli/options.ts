import { InvalidArgumentError, Option } from "commander";
import { importFormats } from "./import-rows.ts";

/** What the contract's whole numbers can hold. */
const maxInt32 = 2 ** 31 - 1;

/** A whole number that fits the contract's int32; undefined where the text is none. */
export function parseWholeNumber(text: string): number | undefined {
  const number = /^-?\d{1,10}$/.test(text) ? Number(text) : NaN;
  return number >= -maxInt32 - 1 && number <= maxInt32 ? number : undefined;
}

/** Reads the value of an option that is a whole number, for commander. */
export function wholeNumberOption(min: number): (text: string) => number {
  return (text) => {
    const number = parseWholeNumber(text);
    if (number === undefined || number < min) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${maxInt32}.`);
    }
    return number;
  };
}

/** How a file to import is written. */
export function formatOption(): Option {
  const description = "how the file is written; by default its extension tells";
  return new Option("--format <format>", description).choices(importFormats);
}
