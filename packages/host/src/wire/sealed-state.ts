import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { isObject, type Json } from "./message.ts";

const CIPHER = "aes-256-gcm";
const NONCE = 12;
const TAG = 16;
/** Longer ones are none of the host's. */
const MOST_CHARACTERS = 256 * 1024;

/** Seals what a client is given to bring back (`requestState`), so that it can neither read nor change nor make it. */
export class Seal {
  readonly #key: Buffer;

  /** @param key 32 bytes. Default: random ones, so that nothing sealed outlives the process */
  constructor(key: Buffer = randomBytes(32)) {
    this.#key = key;
  }

  /** @param about what it is sealed for: it opens for the same alone */
  seal(state: Json, about: string): string {
    const nonce = randomBytes(NONCE);
    const cipher = createCipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG }).setAAD(Buffer.from(about));
    return Buffer.concat([nonce, cipher.update(JSON.stringify(state), "utf8"), cipher.final(), cipher.getAuthTag()]).toString("base64url");
  }

  /** Undefined for what was not sealed with this key for the same. */
  open(sealed: string, about: string): Json | undefined {
    if (sealed.length > MOST_CHARACTERS) return undefined;
    const bytes = Buffer.from(sealed, "base64url");
    // Decoding skips what is no Base64: another text for the same bytes is not what was given out.
    if (bytes.length <= NONCE + TAG || bytes.toString("base64url") !== sealed) return undefined;
    const decipher = createDecipheriv(CIPHER, this.#key, bytes.subarray(0, NONCE), { authTagLength: TAG })
      .setAAD(Buffer.from(about))
      .setAuthTag(bytes.subarray(-TAG));
    try {
      const text = decipher.update(bytes.subarray(NONCE, -TAG), undefined, "utf8") + decipher.final("utf8");
      const state: unknown = JSON.parse(text);
      return isObject(state) ? state : undefined;
    } catch {
      return undefined;
    }
  }
}

/** A digest of a JSON value that does not depend on the order of keys. */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value, sorted)).digest("base64url");
}

function sorted(_: string, value: unknown): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
