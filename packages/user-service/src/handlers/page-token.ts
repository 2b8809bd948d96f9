import { createHmac, timingSafeEqual } from "node:crypto";
import type { Order } from "../domain/user-store.ts";

const idBytes = 16;
const signatureBytes = 16;
const orderBytes = { oldestFirst: 1, newestFirst: 2 } as const satisfies Record<Order, number>;

/** Writes and reads the tokens by which a client asks for the next page. */
export interface PageTokens {
  /** The token of the page that follows the user with that id. */
  write(order: Order, afterId: string): string;
  /** The id; undefined where the token was not written here, or for another order. */
  read(order: Order, token: string): string | undefined;
}

/**
 * Page tokens that cannot be made up: the order and the last id of the page, signed (HMAC-SHA256, cut
 * to 128 bits). They name a place among the ids, so users who are created meanwhile do not shift it.
 */
export function createPageTokens(key: Buffer): PageTokens {
  const sign = (payload: Buffer): Buffer =>
    createHmac("sha256", key).update(payload).digest().subarray(0, signatureBytes);
  return {
    write(order, afterId) {
      const id = Buffer.from(afterId.replaceAll("-", ""), "hex");
      const payload = Buffer.concat([Buffer.from([orderBytes[order]]), id]);
      return Buffer.concat([payload, sign(payload)]).toString("base64url");
    },
    read(order, token) {
      const bytes = Buffer.from(token, "base64url");
      // Decoding passes over what is no base64: only the text that was written is the token.
      if (bytes.length !== 1 + idBytes + signatureBytes) return undefined;
      if (bytes.toString("base64url") !== token) return undefined;
      const payload = bytes.subarray(0, 1 + idBytes);
      if (!timingSafeEqual(sign(payload), bytes.subarray(1 + idBytes))) return undefined;
      if (payload[0] !== orderBytes[order]) return undefined;
      const hex = payload.toString("hex", 1);
      return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
    },
  };
}
