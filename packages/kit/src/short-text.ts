/** Up to which length {@link shortText} reads. */
export const maxShortText = 16;

const maxAscii = 0x7f;
const textOf = String.fromCharCode;

/**
 * Reads a text of so many ASCII characters; undefined where one of them is none. It takes a third of the time of
 * `toString`, which is a call out of JavaScript, whatever the length: most names, codes and ids are
 * short. To collect the characters in an array takes as long as that call.
 */
export function shortText(bytes: Uint8Array, at: number, length: number): string | undefined {
  if (length === 0) return "";
  const a = bytes[at] ?? 0;
  if (a > maxAscii) return undefined;
  if (length === 1) return textOf(a);
  const b = bytes[at + 1] ?? 0;
  if (b > maxAscii) return undefined;
  if (length === 2) return textOf(a, b);
  const c = bytes[at + 2] ?? 0;
  if (c > maxAscii) return undefined;
  if (length === 3) return textOf(a, b, c);
  const d = bytes[at + 3] ?? 0;
  if (d > maxAscii) return undefined;
  if (length === 4) return textOf(a, b, c, d);
  const e = bytes[at + 4] ?? 0;
  if (e > maxAscii) return undefined;
  if (length === 5) return textOf(a, b, c, d, e);
  const f = bytes[at + 5] ?? 0;
  if (f > maxAscii) return undefined;
  if (length === 6) return textOf(a, b, c, d, e, f);
  const g = bytes[at + 6] ?? 0;
  if (g > maxAscii) return undefined;
  if (length === 7) return textOf(a, b, c, d, e, f, g);
  const h = bytes[at + 7] ?? 0;
  if (h > maxAscii) return undefined;
  if (length === 8) return textOf(a, b, c, d, e, f, g, h);
  const i = bytes[at + 8] ?? 0;
  if (i > maxAscii) return undefined;
  if (length === 9) return textOf(a, b, c, d, e, f, g, h, i);
  const j = bytes[at + 9] ?? 0;
  if (j > maxAscii) return undefined;
  if (length === 10) return textOf(a, b, c, d, e, f, g, h, i, j);
  const k = bytes[at + 10] ?? 0;
  if (k > maxAscii) return undefined;
  if (length === 11) return textOf(a, b, c, d, e, f, g, h, i, j, k);
  const l = bytes[at + 11] ?? 0;
  if (l > maxAscii) return undefined;
  if (length === 12) return textOf(a, b, c, d, e, f, g, h, i, j, k, l);
  const m = bytes[at + 12] ?? 0;
  if (m > maxAscii) return undefined;
  if (length === 13) return textOf(a, b, c, d, e, f, g, h, i, j, k, l, m);
  const n = bytes[at + 13] ?? 0;
  if (n > maxAscii) return undefined;
  if (length === 14) return textOf(a, b, c, d, e, f, g, h, i, j, k, l, m, n);
  const o = bytes[at + 14] ?? 0;
  if (o > maxAscii) return undefined;
  if (length === 15) return textOf(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o);
  const p = bytes[at + 15] ?? 0;
  if (p > maxAscii) return undefined;
  if (length === 16) return textOf(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p);
  return undefined;
}
