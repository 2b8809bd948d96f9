import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { z } from "zod";
import { addExamples } from "./help.ts";
import { wholeNumberOption } from "./options.ts";
import type { Session } from "./session.ts";
import { UsageError } from "./usage-error.ts";

interface TokenOptions {
  readonly scope?: readonly string[];
  readonly subject: string;
  readonly issuer: string;
  readonly audience: string;
  readonly minutes: number;
  readonly key: string;
}

const notes = `
A token for development, signed by a key that \`pnpm certs:dev\` makes in the repository. Services believe it
that are started with that issuer, that audience and AUTH_JWKS_FILE=.dev/jwks.json. Where pnpm runs this
and the token goes into a file, \`pnpm --silent\` keeps pnpm's own words out of it.`;

/** A private key as a JSON Web Key. */
const keySchema = z.looseObject({
  kty: z.string(),
  d: z.string(),
  alg: z.string(),
  kid: z.string(),
});

/** Adds `token`. */
export function addTokenCommand(program: Command, open: () => Session): void {
  const token = program
    .command("token")
    .description("sign an access token for development")
    .option("--scope <scope>", "a scope that it grants; for several, again", collect)
    .option("--subject <name>", "whom it is for", "developer")
    .option("--issuer <issuer>", "who issues it", "https://issuer.localhost")
    .option("--audience <audience>", "what it is for", "org")
    .option("--minutes <count>", "how long it is valid", wholeNumberOption(1), 60)
    .option("--key <file>", "the key to sign by", ".dev/signing-key.json")
    .addHelpText("after", notes)
    .action(async (options: TokenOptions) => {
      const session = open();
      const signed = await sign(options);
      await (session.output.json
        ? session.output.value({ token: signed })
        : session.output.line(signed));
    });
  addExamples(token, "$ token --scope products.read --scope users.read");
}

async function sign(options: TokenOptions): Promise<string> {
  const { scope = [], subject, issuer, audience, minutes, key: file } = options;
  const { importJWK, SignJWT } = await import("jose");
  const key = await readKey(file);
  return new SignJWT({ scope: scope.join(" ") })
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: "at+jwt" })
    .setSubject(subject)
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(`${minutes}m`)
    .setJti(randomUUID())
    .sign(await importJWK(key, key.alg));
}

async function readKey(file: string): Promise<z.infer<typeof keySchema>> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    const hint = "`pnpm certs:dev` makes one in the repository's .dev folder";
    throw new UsageError(`the key ${file} cannot be read: ${hint}, --key names another`, { cause });
  }
  try {
    return keySchema.parse(JSON.parse(text));
  } catch (cause) {
    // What is wrong with it may be part of a key.
    throw new UsageError(`${file} is no private JSON Web Key with "alg" and "kid"`, { cause });
  }
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
