import { createPrivateKey, webcrypto } from "node:crypto";
import type { CryptoKey } from "oauth4webapi";
import type { ServerOptions } from "./options.ts";
import { SignInProblem } from "./problem.ts";

const ALGORITHMS: Readonly<Record<ServerOptions["algorithm"], { name: string; hash?: string; namedCurve?: string }>> = {
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  PS256: { name: "RSA-PSS", hash: "SHA-256" },
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  ES384: { name: "ECDSA", namedCurve: "P-384" },
  Ed25519: { name: "Ed25519" },
};

/** The key of a PEM text. @throws SignInProblem without anything of it */
export async function privateKeyOf(pem: string, algorithm: ServerOptions["algorithm"]): Promise<CryptoKey> {
  try {
    const der = createPrivateKey(pem).export({ type: "pkcs8", format: "der" });
    // The same class; the library has a type of its own for it.
    return (await webcrypto.subtle.importKey("pkcs8", der, ALGORITHMS[algorithm], false, ["sign"])) as CryptoKey;
  } catch (cause) {
    throw new SignInProblem("needs-client", `\`privateKey\` is no private key for ${algorithm} (PKCS #8, PEM)`, { cause });
  }
}
