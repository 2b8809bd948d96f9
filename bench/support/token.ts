import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { audience, issuer } from "./issuer.ts";

/** A token with all scopes, and the file with the keys that it is checked by. */
export interface Token extends AsyncDisposable {
  readonly token: string;
  readonly keysFile: string;
}

/** Makes a key and signs a token with it, valid for a day. */
export async function signToken(): Promise<Token> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const folder = await mkdtemp(join(tmpdir(), "bench-"));
  const keysFile = join(folder, "keys.json");
  const key = { ...(await exportJWK(publicKey)), kid: "bench", alg: "ES256", use: "sig" };
  await writeFile(keysFile, JSON.stringify({ keys: [key] }));
  const token = await new SignJWT({
    scope: "products.read products.write users.read users.write",
  })
    .setProtectedHeader({ alg: "ES256", kid: "bench", typ: "at+jwt" })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject("bench")
    .setIssuedAt()
    .setExpirationTime("1 day")
    .sign(privateKey);
  return {
    token,
    keysFile,
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}
