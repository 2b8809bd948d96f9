import { refuseExplosive } from "./pattern-ambiguity.ts";
import { print } from "./pattern-tree.ts";
import { Parser } from "./re2-parser.ts";

/**
 * An RE2 pattern as the source of a JavaScript RegExp, for `new RegExp(source, flags)` as well as
 * between slashes. On well-formed texts, it is found where RE2 finds the pattern.
 *
 * What `\pL` and `(?i)` stand for is up to the version of Unicode that the engine knows, as in RE2.
 *
 * Throws an Error that names the construct and its offset for what RE2 refuses, and for repetitions on
 * which backtracking could take exponential time: unless the choices in one can be made in 1,000 ways
 * at most, what it repeats may not match nothing, and may match no text in more than one way. So
 * `(a+)+`, `(a|a)*`, `(a*)*`, `(a?){30}` and `(.*,){11}` are refused.
 *
 * What is accepted may still take polynomial time where RE2's is linear, by as many degrees as there
 * are repetitions side by side, and one more if it is not anchored: `^.*a.*b$` and `\s+$` are slow on
 * long texts, which a maximal length has to keep out.
 */
export function translatePattern(pattern: string): { source: string; flags: string } {
  const parser = new Parser(pattern);
  const tree = parser.parse();
  refuseExplosive(tree, pattern);
  return { source: print(tree) || "(?:)", flags: "u" };
}
