/**
 * Makes the keys of a development issuer in `.dev`, which git ignores, or in the folder that is named:
 * `signing-key.json`, by which `pnpm client token` signs, and `jwks.json`, by which services check. Leaves
 * keys that are there.
 */
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { exportJWK, generateKeyPair } from "jose";
import { root } from "./run.ts";

const folder = resolve(process.argv[2] ?? join(root, ".dev"));
const signingKey = join(folder, "signing-key.json");
const keySet = join(folder, "jwks.json");

if (existsSync(signingKey) && existsSync(keySet)) {
  console.log(`${signingKey} and ${keySet} are there already.`);
} else {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const common = { kid: `dev-${new Date().toISOString().slice(0, 10)}`, alg: "ES256" };
  await mkdir(folder, { recursive: true });
  const privateJwk = { ...(await exportJWK(privateKey)), ...common };
  await writeFile(signingKey, `${JSON.stringify(privateJwk, null, 2)}\n`, { mode: 0o600 });
  const keys = [{ ...(await exportJWK(publicKey)), ...common, use: "sig" }];
  await writeFile(keySet, `${JSON.stringify({ keys }, null, 2)}\n`);
  console.log(`Made ${signingKey} and ${keySet}. Start services with

  AUTH_ISSUER=https://issuer.localhost AUTH_AUDIENCE=org AUTH_JWKS_FILE=${keySet}

and call them with the tokens of \`pnpm client token --scope users.read\`.`);
}
